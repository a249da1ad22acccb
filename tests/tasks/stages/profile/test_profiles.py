import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.config import ProfileConfig
from schemas.profiles import PROFILES
from schemas.scores import SCORES
from tasks.artefact.table import frame, validate
from tasks.stages.profile.profiles import profile_part


def tables(groups: list[list[float]], reasons: list[str] | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of one state per group, and the states."""
    scores = [
        {
            "trajectory_id": f"{i:016x}",
            "turn_index": i,
            "sample_index": j,
            "reward": reward,
            "reason": (reasons or ["equal"] * len(rewards))[j],
            "detail": "",
            "action": f"action {reward}",
        }
        for i, rewards in enumerate(groups)
        for j, reward in enumerate(rewards)
    ]
    states = pl.DataFrame(
        [
            {"trajectory_id": f"{i:016x}", "turn_index": i, "domain": "desk", "kind": "call", "tool": "get_order"}
            for i in range(len(groups))
        ],
        schema_overrides={"turn_index": pl.Int32},
    )
    return frame(SCORES, scores), states


groups_of = st.integers(2, 24).flatmap(
    lambda n: st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 0.1, 0.3, 1 / 3, 0.5, 0.9]), min_size=n, max_size=n),
        min_size=1,
        max_size=6,
    )
)


@pytest.mark.slow
@given(groups_of)
@settings(max_examples=60, deadline=None)
def test_the_numbers_are_numpys(groups: list[list[float]]) -> None:
    profiles = profile_part(*tables(groups), ProfileConfig())
    validate(PROFILES, profiles, "test")
    for row, rewards in zip(profiles.iter_rows(named=True), groups, strict=True):
        assert row["n"] == len(rewards)
        assert row["successes"] == sum(r == 1 for r in rewards)
        assert row["mean"] == pytest.approx(np.mean(rewards), abs=1e-12)
        assert row["variance"] == pytest.approx(np.var(rewards), abs=1e-12)
        assert (row["min"], row["max"]) == (min(rewards), max(rewards))
        assert row["distinct_actions"] == len(set(rewards))


@pytest.mark.parametrize("n", [2, 4, 6, 8, 10, 14, 22, 64, 100, 1000, 1024])
def test_the_largest_variance_is_in_the_schema_whatever_the_order(n: int) -> None:
    random = np.random.default_rng(n)
    groups = [random.permutation([0.0, 1.0] * (n // 2)).tolist() for _ in range(20)]
    profiles = profile_part(*tables(groups), ProfileConfig())
    validate(PROFILES, profiles, "test")
    assert profiles["variance"].to_list() == pytest.approx([0.25] * 20)


def test_parse_failures_and_actions_are_counted() -> None:
    reasons = ["parse_failure", "overlong_reasoning", "wrong_tool", "equal", "equivalent"]
    scores, states = tables([[0.0, 0.0, 0.0, 1.0, 1.0]], reasons)
    scores = scores.with_columns(action=pl.Series(["", "", "a", "b", "b"]))
    (row,) = profile_part(scores, states, ProfileConfig()).iter_rows(named=True)
    assert (row["parse_failures"], row["distinct_actions"], row["n"]) == (2, 2, 5)


def test_a_state_with_a_sample_that_nobody_decided_has_no_profile() -> None:
    scores, states = tables([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    undecided = (pl.col("turn_index") == 0) & (pl.col("sample_index") == 2)
    scores = scores.with_columns(reward=pl.when(undecided).then(None).otherwise("reward"))
    profiles = profile_part(scores, states, ProfileConfig())
    assert profiles.select("turn_index", "n", "successes").rows() == [(1, 3, 2), (2, 3, 0)]


def test_states_without_scores_have_no_profile_and_the_order_is_the_states() -> None:
    scores, states = tables([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    shuffled = scores.filter(pl.col("turn_index") != 1).sort("turn_index", descending=True)
    profiles = profile_part(shuffled, states, ProfileConfig())
    assert profiles["turn_index"].to_list() == [0, 2]


def test_a_higher_confidence_gives_a_wider_interval() -> None:
    tables_ = tables([[0.0, 1.0, 1.0, 1.0]])
    narrow, wide = (profile_part(*tables_, ProfileConfig(confidence=c)).row(0, named=True) for c in (0.8, 0.99))
    assert wide["low"] < narrow["low"] < 0.75 < narrow["high"] < wide["high"]
