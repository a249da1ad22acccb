from __future__ import annotations

import polars as pl
import pytest

from schemas.profiles import PROFILES
from tasks.artefact.table import validate
from tasks.stages.profile.reward_statistics import profiles_of, reward_statistics, wilson


def samples(*rows: tuple[str, float, str | None]) -> pl.DataFrame:
    """A sample per row: its trajectory (of one state), its reward, and its action."""
    types = {"trajectory_id": pl.String, "reward": pl.Float64, "action": pl.String}
    return pl.DataFrame(rows, schema=types, orient="row").with_columns(turn_index=pl.lit(0, pl.Int32))


def test_each_state_has_one_row_with_the_numbers_of_its_rewards() -> None:
    statistics = reward_statistics(
        samples(("b", 1.0, "x"), ("a", 0.5, "x"), ("b", 0.0, "y"), ("a", 0.25, None), ("b", 1.0, "x"), ("b", 0.0, None))
    )
    assert statistics.drop("turn_index").rows(named=True) == [
        {
            "trajectory_id": "b",
            "n": 4,
            "successes": 2,
            "mean": 0.5,
            "variance": 0.25,
            "min": 0.0,
            "max": 1.0,
            "distinct_actions": 2,
        },
        {
            "trajectory_id": "a",
            "n": 2,
            "successes": 0,
            "mean": 0.375,
            "variance": 0.015625,
            "min": 0.25,
            "max": 0.5,
            "distinct_actions": 1,
        },
    ]


def test_profiles_are_in_the_order_of_the_states_and_leave_out_states_without_statistics() -> None:
    statistics = reward_statistics(
        samples(("b", 1.0, "x"), ("a", 0.5, "x")), parse_failures=pl.lit(0, pl.Int32).first()
    )
    states = pl.DataFrame({"trajectory_id": ["a", "c", "b"]}).with_columns(
        turn_index=pl.lit(0, pl.Int32), domain=pl.lit("desk"), kind=pl.lit("call"), tool=pl.lit("get_order")
    )
    profiles = profiles_of(states, statistics, confidence=0.95)
    validate(PROFILES, profiles, "test")
    assert profiles["trajectory_id"].to_list() == ["a", "b"]
    assert all(low <= mean <= high for low, mean, high in profiles.select("low", "mean", "high").iter_rows())


@pytest.mark.parametrize(
    ("mean", "n", "low", "high"),
    [(0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.5, 10, 0.2366, 0.7634), (0.9, 100, 0.8256, 0.9448)],
)
def test_wilsons_interval_has_its_known_values(mean: float, n: int, low: float, high: float) -> None:
    rate = pl.DataFrame({"mean": [mean], "n": [n]}, schema={"mean": pl.Float64, "n": pl.Int32})
    lower, upper = wilson(pl.col("mean"), pl.col("n"), 0.95)
    assert rate.select(lower.alias("low"), upper.alias("high")).row(0) == pytest.approx((low, high), abs=5e-5)
