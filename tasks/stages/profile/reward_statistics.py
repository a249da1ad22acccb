"""The statistics of each state's K rewards, for scores of ours (profiles.py) and for imported rewards (recorded.py)."""

from __future__ import annotations

from statistics import NormalDist

import polars as pl

from schemas.columns import STATE_KEY
from schemas.profiles import PROFILES

_REWARD = pl.col("reward")
MEAN = _REWARD.mean()
VARIANCE = (_REWARD - _REWARD.mean()).pow(2).mean()  # Polars' own `var` gives more than 1/4 for halves of 0 and 1


def wilson(mean: pl.Expr, n: pl.Expr, confidence: float) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's interval of a pass rate from n samples: lower and upper bound, both in [0, 1] (Wilson 1927)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (mean * (1 - mean) / n + z * z / (4 * n * n)).sqrt()
    return (centre - half).clip(0, 1), (centre + half).clip(0, 1)


def reward_statistics(
    samples: pl.DataFrame, mean: pl.Expr = MEAN, variance: pl.Expr = VARIANCE, **others: pl.Expr
) -> pl.DataFrame:
    """One row per state, in the order in which the states come.

    Args:
        samples: the state's key, `reward`, and `action` as text; null where there is none.
        others: further columns, aggregated from what else `samples` holds.
    """
    return samples.group_by(STATE_KEY, maintain_order=True).agg(
        n=pl.len().cast(pl.Int32),
        successes=(_REWARD == 1).sum().cast(pl.Int32),
        mean=mean,
        variance=variance,
        min=_REWARD.min(),
        max=_REWARD.max(),
        distinct_actions=pl.col("action").drop_nulls().n_unique().cast(pl.Int32),
        **others,
    )


def profiles_of(states: pl.DataFrame, statistics: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """The table `profiles`: one row per state that has statistics, in the order of the states."""
    low, high = wilson(pl.col("mean"), pl.col("n"), confidence)
    profiles = states.select(*STATE_KEY, "domain", "kind", "tool").join(
        statistics, on=STATE_KEY, how="inner", maintain_order="left"
    )
    return profiles.with_columns(low=low, high=high).select(*PROFILES.columns)
