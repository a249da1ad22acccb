"""The figures themselves are looked at, before they become images."""

import base64

import polars as pl
import pytest
from matplotlib.figure import Figure

from tasks.report import plots
from tasks.report.plots import data_uri, pass_rates, profile_map, training_curve

PROFILES = pl.DataFrame({"mean": [0.0, 0.0, 0.5, 1.0], "variance": [0.0, 0.0, 0.25, 0.0]})


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn in the test."""
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "data_uri", lambda figure: drawn.append(figure) or "")
    return drawn


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_a_figure_is_a_png_within_a_uri() -> None:
    scheme, _, data = data_uri(Figure(figsize=(1, 1))).partition(",")
    assert scheme == "data:image/png;base64" and base64.b64decode(data).startswith(b"\x89PNG")


def test_the_map_has_a_dot_per_profile_whose_area_is_a_count(figures: list[Figure]) -> None:
    profile_map(PROFILES)
    (axes,) = figures[0].axes
    selected = axes.collections[-1]
    assert selected.get_offsets().tolist() == [[0.0, 0.0], [0.5, 0.25], [1.0, 0.0]]
    areas = selected.get_sizes()
    assert areas[0] > areas[1] == areas[2]
    assert axes.get_title() == "4 states" and axes.get_legend() is None


def test_the_map_tells_selected_from_not_selected_and_shades_the_region(figures: list[Figure]) -> None:
    profile_map(PROFILES, 0.9, [False, False, True, False])
    assert legend(figures[0]) == ["varies, mean below 0.9", "not selected", "selected"]
    offsets = [dots.get_offsets().tolist() for dots in figures[0].axes[0].collections if len(dots.get_offsets())]
    assert offsets == [[[0.0, 0.0], [1.0, 0.0]], [[0.5, 0.25]]]


def test_training_shows_rewards_or_the_loss_and_validations(figures: list[Figure]) -> None:
    grpo = {
        "step": [0, 1, 2],
        "reward_mean": [0.5, 0.6, 0.7],
        "zero_variance": [0.1, 0.2, 0.2],
        "loss": [1.0, 1.0, 1.0],
    }
    training_curve(pl.DataFrame({**grpo, "validation": [None, 0.8, None]}))
    training_curve(pl.DataFrame({**grpo, "reward_mean": [None] * 3, "validation": [None] * 3}))
    assert [legend(figure) for figure in figures] == [["mean reward", "without variance", "validation"], ["loss"]]
    rewards, _, validation = figures[0].axes[0].lines
    assert list(rewards.get_ydata()) == [0.5, 0.6, 0.7]
    assert (list(validation.get_xdata()), list(validation.get_ydata())) == ([1], [0.8])


def test_pass_rates_are_of_greedy_actions_the_base_above_the_candidate(figures: list[Figure]) -> None:
    row = {"suite": "states", "domain": "desk", "scope": "in_domain", "base": 0.7, "base_standard_error": 0.02}
    row |= {"candidate": 0.9, "candidate_standard_error": 0.01}
    pass_rates([{**row, "temperature": 0.0}, {**row, "temperature": 1.0, "base": 0.1}])
    (axes,) = figures[0].axes
    assert legend(figures[0]) == ["base", "candidate"]
    bars = {round(bar.get_width(), 3): bar.get_y() for bar in axes.patches}
    assert set(bars) == {0.7, 0.9} and bars[0.7] < bars[0.9] and axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["states desk (in_domain)"]
