"""Keep a state if its rewards vary and their mean is below lambda_diff (PivotRL, step 3: select).

Variance is judged on the raw rewards, max - min over the whole group: a standard deviation that is zero but for
floating-point noise lets constant groups through.
"""

from __future__ import annotations

import polars as pl

from schemas.columns import STATE_KEY
from schemas.config import SelectConfig
from schemas.pivots import PIVOTS, UNSELECTED, Unselected, Why
from tasks.artefact.stage import Stage
from tasks.artefact.writer import Writer
from tasks.states.draw import number
from tasks.store.manifest import Ref
from tasks.store.store import Store

STAGE = Stage("pivots", version=1, tables={"pivots": PIVOTS, "unselected": UNSELECTED})
QUALIFIES = ""
"""The verdict of the rule on a state that may be taken."""


def rule(config: SelectConfig) -> pl.Expr:
    """Per profile: `QUALIFIES`, or the reason why it does not."""
    constant = pl.col("max") - pl.col("min") <= config.tolerance
    return (
        pl.when(constant & (pl.col("min") >= 1 - config.tolerance))
        .then(pl.lit(Unselected.ALWAYS_RIGHT.value))
        .when(constant & (pl.col("max") <= config.tolerance))
        .then(pl.lit(Unselected.NEVER_RIGHT.value))
        .when(constant)
        .then(pl.lit(Unselected.NO_VARIANCE.value))
        .when(pl.col("mean") >= config.max_mean)
        .then(pl.lit(Unselected.TOO_EASY.value))
        .otherwise(pl.lit(QUALIFIES))
    )


def draw(seed: int) -> pl.Expr:
    """A reproducible random number a state, in [0, 2^64), from its key and the seed."""

    def drawn(key: dict[str, object]) -> int:
        return number(f"{seed}/{key['trajectory_id']}/{key['turn_index']}")

    return pl.struct(STATE_KEY).map_elements(drawn, return_dtype=pl.UInt64)


def quotas(counts: dict[str, int], budget: int) -> dict[str, int]:
    """The budget shared in proportion to counts, by largest remainder; sums to min(budget, total)."""
    total = sum(counts.values())
    if total <= budget:
        return dict(counts)
    shares = {name: budget * count / total for name, count in counts.items()}
    given = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (given[name] - shares[name], name))
    for name in by_remainder[: budget - sum(given.values())]:
        given[name] += 1
    return given


def select_states(profiles: pl.DataFrame, config: SelectConfig, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pivots, ranked, and the unselected with their reasons; together every profile once."""
    judged = profiles.with_columns(
        reason=rule(config), place=draw(seed), stratum=pl.concat_str("kind", "tool", separator=":")
    )
    if config.mode == "random":
        return _random(judged, config)
    best_first = pl.col("variance").round(9), pl.col("place")  # 3 of 10 and 7 of 10 differ by noise only
    candidates = judged.filter(pl.col("reason") == QUALIFIES).sort(*best_first, descending=[True, False])
    budget = candidates.height if config.budget is None else config.budget
    if config.stratify:
        allowed = quotas(dict(candidates["stratum"].value_counts(sort=True).iter_rows()), budget)
        position = pl.int_range(pl.len()).over("stratum")
        taken = candidates.filter(
            position < pl.col("stratum").replace_strict(allowed, default=0, return_dtype=pl.Int64)
        )
    else:
        taken = candidates.head(budget)
    return _divided(judged, taken, Why.PIVOT, Unselected.OVER_BUDGET)


def _random(judged: pl.DataFrame, config: SelectConfig) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ablation: as many states as the rule would take (or the budget), whatever their profile."""
    qualified = judged.filter(pl.col("reason") == QUALIFIES).height
    taken = judged.sort("place").head(min(qualified, config.budget or qualified))
    return _divided(judged.with_columns(reason=pl.lit(QUALIFIES)), taken, Why.RANDOM, Unselected.NOT_DRAWN)


def _divided(
    judged: pl.DataFrame, taken: pl.DataFrame, why: Why, left: Unselected
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rank = pl.int_range(pl.len(), dtype=pl.Int32)
    pivots = taken.with_columns(rank=rank, why=pl.lit(why.value)).select(*PIVOTS.columns)
    others = judged.join(taken, on=STATE_KEY, how="anti", maintain_order="left")
    reason = pl.when(pl.col("reason") == QUALIFIES).then(pl.lit(left.value)).otherwise(pl.col("reason"))
    return pivots, others.with_columns(reason=reason).select(*UNSELECTED.columns)


def write_pivots(writer: Writer, store: Store, profiles: Ref, config: SelectConfig, seed: int) -> None:
    """One part: selection looks across all of them, and profiles are small."""
    pivots, unselected = select_states(store.read(profiles), config, seed)
    reasons = dict(unselected["reason"].value_counts().iter_rows())
    writer.write(0, {"pivots": pivots, "unselected": unselected}, reasons=reasons)
