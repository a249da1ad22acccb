"""Select a state if its rewards vary and their mean is below lambda_diff (PivotRL, step 3: select)."""

from __future__ import annotations

from typing import Any

import polars as pl

from schemas.columns import STATE_KEY
from schemas.config import SelectConfig
from schemas.pivots import PIVOTS, UNSELECTED, Unselected, Why
from schemas.profiles import REWARD_TOLERANCE
from tasks.states.example import StateKey
from tasks.states.hashing import hash64

QUALIFIES = ""
"""What the rule says of a state that may be selected."""


def rule(config: SelectConfig) -> pl.Expr:
    """Per profile: `QUALIFIES`, or the reason why the state is not selected."""
    # Not `variance == 0`: rounding gives equal rewards a variance above 0. Max and min of the raw rewards are exact.
    constant = pl.col("max") - pl.col("min") <= REWARD_TOLERANCE
    return (
        pl.when(constant & (pl.col("min") >= 1 - REWARD_TOLERANCE))
        .then(pl.lit(Unselected.ALWAYS_RIGHT.value))
        .when(constant & (pl.col("max") <= REWARD_TOLERANCE))
        .then(pl.lit(Unselected.NEVER_RIGHT.value))
        .when(constant)
        .then(pl.lit(Unselected.NO_VARIANCE.value))
        .when(pl.col("mean") >= config.max_mean)
        .then(pl.lit(Unselected.TOO_EASY.value))
        .otherwise(pl.lit(QUALIFIES))
    )


def random_rank(seed: int) -> pl.Expr:
    """Per state: a random number in [0, 2^64) from the seed and the state's key, the same in every run."""

    def rank(key: dict[str, Any]) -> int:
        return hash64(f"{seed}/{StateKey(key['trajectory_id'], key['turn_index'])}")

    return pl.struct(STATE_KEY).map_elements(rank, return_dtype=pl.UInt64)


def quotas(counts: dict[str, int], budget: int) -> dict[str, int]:
    """The budget shared in proportion to the counts, by largest remainder; the quotas sum to min(budget, total)."""
    total = sum(counts.values())
    if total <= budget:
        return dict(counts)
    shares = {name: budget * count / total for name, count in counts.items()}
    quota = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (quota[name] - shares[name], name))
    for name in by_remainder[: budget - sum(quota.values())]:
        quota[name] += 1
    return quota


def select_states(profiles: pl.DataFrame, config: SelectConfig, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pivots, best first, and the unselected with their reasons; together every profile once."""
    judged = profiles.with_columns(
        reason=rule(config), random_rank=random_rank(seed), stratum=pl.concat_str("kind", "tool", separator=":")
    )
    if config.mode == "random":
        return _select_at_random(judged, config)
    # Rounded, because 3 of 10 and 7 of 10 have variances that differ by noise alone.
    by_variance = pl.col("variance").round(9)
    candidates = judged.filter(pl.col("reason") == QUALIFIES).sort(
        by_variance, pl.col("random_rank"), descending=[True, False]
    )
    budget = candidates.height if config.budget is None else config.budget
    if config.stratify:
        quota = quotas(dict(candidates["stratum"].value_counts(sort=True).iter_rows()), budget)
        position = pl.int_range(pl.len()).over("stratum")
        selected = candidates.filter(
            position < pl.col("stratum").replace_strict(quota, default=0, return_dtype=pl.Int64)
        )
    else:
        selected = candidates.head(budget)
    return _tables(judged, selected, Why.PIVOT, Unselected.OVER_BUDGET)


def _select_at_random(judged: pl.DataFrame, config: SelectConfig) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ablation: as many states as the rule would select (or the budget), whatever their profile."""
    qualified = judged.filter(pl.col("reason") == QUALIFIES).height
    selected = judged.sort("random_rank").head(min(qualified, config.budget or qualified))
    return _tables(judged.with_columns(reason=pl.lit(QUALIFIES)), selected, Why.RANDOM, Unselected.NOT_DRAWN)


def _tables(
    judged: pl.DataFrame, selected: pl.DataFrame, why: Why, passed_over: Unselected
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `pivots` and `unselected`; `passed_over` is the reason of states that qualify."""
    rank = pl.int_range(pl.len(), dtype=pl.Int32)
    pivots = selected.with_columns(rank=rank, why=pl.lit(why.value)).select(*PIVOTS.columns)
    others = judged.join(selected, on=STATE_KEY, how="anti", maintain_order="left")
    reason = pl.when(pl.col("reason") == QUALIFIES).then(pl.lit(passed_over.value)).otherwise(pl.col("reason"))
    return pivots, others.with_columns(reason=reason).select(*UNSELECTED.columns)
