"""What the plots of cards show; that every stage has its plots is a test of cards."""

import polars as pl
import pytest
from matplotlib.figure import Figure

from schemas.config import SelectConfig
from schemas.evaluations import EVALUATIONS
from schemas.stages import ARTEFACTS
from tasks.artefact.stage import Stage, obtain
from tasks.artefact.table import frame
from tasks.report import card_plots
from tasks.report.card_plots import plots
from tasks.store.lineage import lineage
from tasks.store.store import Store
from tests.builders import NoSettings, trajectory
from tests.pivots import HALF, commit_pivots, conversation

REWARDS = {(0, 1): HALF, (0, 3): (0.0,) * 4, (1, 2): (1.0, 1.0, 1.0, 0.0)}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn in the test."""
    drawn: list[Figure] = []
    monkeypatch.setattr(card_plots, "data_uri", lambda figure: drawn.append(figure) or "")
    return drawn


def test_all_stages_but_the_decision_have_plots() -> None:
    assert set(card_plots._BY_STAGE) == set(ARTEFACTS) - {"decisions"}


def test_an_artefact_without_rows_has_none(store: Store) -> None:
    parts, select = [[trajectory(0, conversation(0))]], SelectConfig(allow_empty=True)
    empty = commit_pivots(store, parts, {(0, 1): (0.0,) * 4}, select, allow_empty=True)
    assert plots(store, store.manifest(empty.ref)) == {}


def test_reasons_are_bars_the_longest_on_top_with_their_mean_reward(store: Store, figures: list[Figure]) -> None:
    pivots = commit_pivots(store, [[trajectory(0, conversation(0))], [trajectory(1, conversation(1))]], REWARDS)
    plots(store, lineage(store, pivots.ref)["scores"])
    (axes,) = figures[0].axes
    assert [bar.get_width() for bar in axes.patches] == [7, 5] and axes.yaxis_inverted()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["parse_failure (reward 0)", "equivalent (reward 1)"]


def test_evaluations_are_bars_whose_colour_is_their_scope(store: Store, figures: list[Figure]) -> None:
    row = {"policy": "p", "metric": "pass_rate", "n": 100, "standard_error": 0.02, "temperature": 0.0}
    rows = [
        {**row, "suite": "states", "domain": "desk", "scope": "in_domain", "value": 0.9},
        {**row, "suite": "skill", "domain": "sorting", "scope": "ood", "value": 0.8},
        {**row, "suite": "skill", "domain": "sorting", "scope": "ood", "value": 0.7, "temperature": 1.0},
    ]
    stage = Stage("evaluations", version=1, tables={"evaluations": EVALUATIONS})
    table = frame(EVALUATIONS, rows)
    made = obtain(stage, NoSettings(), {}, store, lambda writer: writer.write(0, {"evaluations": table}))
    plots(store, store.manifest(made.ref))
    (axes,) = figures[0].axes
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.8, 0.7]
    in_domain, greedy, sampled = (bar.get_facecolor() for bar in axes.patches)
    assert greedy[:3] == sampled[:3] != in_domain[:3] and greedy[3] > sampled[3], "sampled actions are paler"


def test_groups_of_turns_are_named_and_sorted() -> None:
    turns = pl.Series("turn_index", [0, 1, 2, 3, 7, 9, 40, 300])
    names = card_plots._depth(turns).to_list()
    assert (
        names
        == ["turn  0", "turn  1", "turn  2 to 3", "turn  2 to 3", "turn  4 to 7", "turn  8 to 15"]
        + ["turn 32 and more"] * 2
    )
    assert names == sorted(names)


def test_small_groups_are_stacked_as_one() -> None:
    axes = Figure().subplots()
    groups = pl.Series("domain", [f"domain {i}" for i in range(9) for _ in range(9 - i)])
    values = pl.Series("mean", [0.5] * groups.len())
    card_plots._stacked(axes, values, groups, [0.0, 1.0])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [*(f"domain {i}" for i in range(6)), "others"]
    assert [bar.get_height() for bar in axes.patches] == [9, 8, 7, 6, 5, 4, 3 + 2 + 1]


@pytest.mark.parametrize(
    ("text", "label"),
    [("desk", "desk"), ("a $x^$ b", r"a \$x^\$ b"), ("_hidden", "hidden"), ("x" * 30, "x" * 28 + "...")],
)
def test_a_label_is_not_read_as_a_formula(text: str, label: str) -> None:
    assert card_plots._plain(text) == label
