"""Profile each state by the rewards of its samples (PivotRL, step 2: profile)."""

from __future__ import annotations

import polars as pl

from schemas.columns import STATE_KEY
from schemas.config import ProfileConfig
from tasks.stages.profile.reward_statistics import profiles_of, reward_statistics
from tasks.verifiers.verdict import NO_ACTION


def profile_part(scores: pl.DataFrame, states: pl.DataFrame, config: ProfileConfig) -> pl.DataFrame:
    """One row per scored state, in the order of the states."""
    # One undecided sample leaves its whole state out: the other samples are no fair draw (see `Unprofiled`).
    decided = scores.filter(pl.col("reward").is_not_null().all().over(STATE_KEY))
    statistics = reward_statistics(
        decided.with_columns(action=pl.col("action").replace("", None)),
        parse_failures=pl.col("reason").is_in([reason.value for reason in NO_ACTION]).sum().cast(pl.Int32),
    )
    return profiles_of(states, statistics, config.confidence)
