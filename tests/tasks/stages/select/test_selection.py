from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.config import SelectConfig
from schemas.pivots import PIVOTS, UNSELECTED, Unselected, Why
from schemas.profiles import PROFILES, REWARD_TOLERANCE
from tasks.artefact.table import frame, validate
from tasks.stages.select.selection import quotas, select_states


def profile(number: int, rewards: list[float], kind: str = "call", tool: str = "get_order") -> dict:
    mean = sum(rewards) / len(rewards)
    return {
        "trajectory_id": f"{number:016x}",
        "turn_index": number,
        "domain": "desk",
        "kind": kind,
        "tool": tool,
        "n": len(rewards),
        "successes": sum(r == 1 for r in rewards),
        "mean": mean,
        "variance": sum((r - mean) ** 2 for r in rewards) / len(rewards),
        "min": min(rewards),
        "max": max(rewards),
        "low": 0.0,
        "high": 1.0,
        "distinct_actions": 1,
        "parse_failures": 0,
    }


def selected(profiles: list[dict], seed: int = 0, **settings) -> tuple[pl.DataFrame, dict[int, str]]:
    """The pivots, and the reason of each unselected state by its number; every profile is checked to be there once."""
    pivots, unselected = select_states(frame(PROFILES, profiles), SelectConfig(**settings), seed)
    validate(PIVOTS, pivots, "pivots")
    validate(UNSELECTED, unselected, "unselected")
    numbers = pivots["turn_index"].to_list() + unselected["turn_index"].to_list()
    assert sorted(numbers) == [p["turn_index"] for p in profiles]
    return pivots, dict(unselected.select("turn_index", "reason").iter_rows())


def mixed(count: int, start: int = 0, **fields) -> list[dict]:
    return [profile(start + i, [1.0] * (1 + i % 6) + [0.0] * (7 - i % 6), **fields) for i in range(count)]


def test_each_reason() -> None:
    pivots, reasons = selected(
        [
            profile(0, [1.0] * 8),
            profile(1, [0.0] * 8),
            profile(2, [0.5] * 8),
            profile(3, [1.0] * 9 + [0.0]),
            profile(4, [1.0] * 4 + [0.0] * 4),
            profile(5, [1.0] * 1 + [0.0] * 7),
            profile(6, [1.0] * 2 + [0.0] * 6),
        ],
        max_mean=0.9,
        budget=2,
        stratify=False,
    )
    assert pivots["turn_index"].to_list() == [4, 6], "the largest variance first"
    assert pivots["rank"].to_list() == [0, 1]
    assert pivots["why"].to_list() == [Why.PIVOT] * 2
    assert reasons == {
        0: Unselected.ALWAYS_RIGHT,
        1: Unselected.NEVER_RIGHT,
        2: Unselected.NO_VARIANCE,
        3: Unselected.TOO_EASY,
        5: Unselected.OVER_BUDGET,
    }


def test_floating_point_noise_is_no_variance() -> None:
    noisy = profile(0, [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2])
    ones = profile(1, [1.0, 1 - 2**-53, 1.0, 1.0])
    noughts = profile(2, [0.0, 5e-17, 0.0, 0.0])
    assert noisy["variance"] > 0 and noisy["max"] != noisy["min"], "the trap is there"
    _, reasons = selected([noisy, ones, noughts])
    assert list(reasons.values()) == [Unselected.NO_VARIANCE, Unselected.ALWAYS_RIGHT, Unselected.NEVER_RIGHT]


def test_a_small_difference_above_the_tolerance_is_variance() -> None:
    pivots, _ = selected([profile(0, [0.3, 0.3 + 2 * REWARD_TOLERANCE])])
    assert pivots.height == 1
    _, reasons = selected([profile(0, [0.3, 0.3 + REWARD_TOLERANCE / 2])])
    assert reasons == {0: Unselected.NO_VARIANCE}
    with pytest.raises(ValidationError):
        SelectConfig(tolerance=0.1)  # a setting that would move one of three tolerances


def test_max_mean_is_exclusive() -> None:
    states = [profile(0, [1.0, 0.0]), profile(1, [1.0, 0.0, 0.0])]
    assert selected(states, max_mean=0.5)[1] == {0: Unselected.TOO_EASY}
    assert selected(states, max_mean=0.51)[1] == {}
    assert selected([profile(0, [1.0] * 7 + [0.0])], max_mean=1.0)[1] == {}


@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), max_size=8),
    st.integers(0, 10**6),
)
def test_quotas_sum_exactly_and_are_proportional(counts: dict[str, int], budget: int) -> None:
    quota = quotas(counts, budget)
    total = sum(counts.values())
    assert sum(quota.values()) == min(budget, total)
    assert all(0 <= quota[name] <= counts[name] for name in counts)
    if total > budget:
        assert all(abs(quota[name] - budget * count / total) < 1 for name, count in counts.items())


def test_a_budget_is_shared_among_kinds_and_tools() -> None:
    states = [*mixed(60, 0), *mixed(30, 60, tool="cancel_order"), *mixed(10, 90, kind="message", tool="")]
    pivots, reasons = selected(states, budget=20)
    assert Counter(pivots["tool"].to_list()) == {"get_order": 12, "cancel_order": 6, "": 2}
    assert set(reasons.values()) == {Unselected.OVER_BUDGET}
    for tool in ("get_order", "cancel_order", ""):
        worst_selected = pivots.filter(pl.col("tool") == tool)["variance"].min()
        best_left_out = max(s["variance"] for s in states if s["tool"] == tool and s["turn_index"] in reasons)
        assert worst_selected >= best_left_out, "a state with less variance was taken from the same stratum"


def test_a_budget_above_what_qualifies_takes_it_all() -> None:
    assert selected(mixed(5), budget=100)[0].height == 5
    assert selected(mixed(5), budget=100, stratify=False)[0].height == 5


@pytest.mark.parametrize("budget", [None, 5, 100])
def test_random_mode_takes_the_same_number_whatever_the_profile(budget: int | None) -> None:
    states = [*mixed(12), *(profile(20 + i, [1.0] * 8) for i in range(40))]
    states = [{**s, "turn_index": i} for i, s in enumerate(states)]
    expected = selected(states, budget=budget)[0].height
    pivots, reasons = selected(states, budget=budget, mode="random")
    assert pivots.height == expected
    assert pivots["why"].unique().to_list() == [Why.RANDOM]
    assert set(reasons.values()) == {Unselected.NOT_DRAWN}
    others, _ = selected(states, budget=budget, mode="random", seed=1)
    assert pivots["turn_index"].to_list() != others["turn_index"].to_list()


def test_the_random_draw_is_fair_over_seeds() -> None:
    states = frame(PROFILES, [profile(0, [1.0, 0.0]), *(profile(i, [1.0, 1.0]) for i in range(1, 10))])
    config = SelectConfig(mode="random")
    drawn = Counter(select_states(states, config, seed)[0]["turn_index"].item() for seed in range(300))
    assert len(drawn) == 10
    assert max(drawn.values()) < 60


def test_the_same_seed_selects_the_same_and_another_breaks_ties_otherwise() -> None:
    ties = [profile(i, [1.0, 0.0]) for i in range(30)]
    once, again, other = (selected(ties, seed=seed, budget=10)[0]["turn_index"].to_list() for seed in (3, 3, 4))
    assert once == again
    assert once != other
    assert len(set(once)) == 10


@pytest.mark.parametrize("mode", ["pivots", "random"])
@pytest.mark.parametrize("stratify", [True, False])
def test_no_profiles_no_pivots(mode: str, stratify: bool) -> None:
    pivots, reasons = selected([], mode=mode, stratify=stratify, budget=3)
    assert (pivots.height, reasons) == (0, {})
    pivots, reasons = selected([profile(0, [1.0, 1.0])], mode=mode, stratify=stratify, budget=3)
    assert pivots.height == 0


def test_variances_that_differ_by_noise_are_a_tie() -> None:
    states = [profile(i, [1.0] * (3 + 4 * (i % 2)) + [0.0] * (7 - 4 * (i % 2))) for i in range(40)]
    states = [{**s, "variance": s["variance"] + 3e-17 * (i % 2)} for i, s in enumerate(states)]
    assert len({s["variance"] for s in states}) == 2, "the trap is there"
    successes = Counter(selected(states, budget=20, stratify=False)[0]["successes"].to_list())
    assert min(successes[3], successes[7]) > 4
