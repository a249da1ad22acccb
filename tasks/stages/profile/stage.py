"""Statistics of the K rewards of each state (PivotRL, step 2: profile)."""

from __future__ import annotations

from statistics import NormalDist

import polars as pl

from schemas.columns import STATE_KEY
from schemas.config import ProfileConfig
from schemas.profiles import PROFILES, Unprofiled
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.verdict import Reason

STAGE = Stage("profiles", version=3, tables={"profiles": PROFILES})


def wilson(mean: pl.Expr, n: pl.Expr, confidence: float) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's interval of a pass rate from n samples: lower and upper bound, both in [0, 1] (Wilson 1927)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (mean * (1 - mean) / n + z * z / (4 * n * n)).sqrt()
    return (centre - half).clip(0, 1), (centre + half).clip(0, 1)


def profile_part(scores: pl.DataFrame, states: pl.DataFrame, config: ProfileConfig) -> pl.DataFrame:
    """One row a scored state, in the order of the states. A state with a sample without a reward has none: its other
    samples are no fair draw from the policy (see `Unprofiled`)."""
    low, high = wilson(pl.col("mean"), pl.col("n"), config.confidence)
    reward, parsed = pl.col("reward"), pl.col("action") != ""
    profiles = (
        scores.filter(reward.is_not_null().all().over(STATE_KEY))
        .group_by(STATE_KEY, maintain_order=True)
        .agg(
            n=pl.len().cast(pl.Int32),
            successes=(reward == 1).sum().cast(pl.Int32),
            mean=reward.mean(),
            variance=(reward - reward.mean()).pow(2).mean(),  # Polars' own `var` gives more than 1/4 for halves
            min=reward.min(),
            max=reward.max(),
            distinct_actions=pl.col("action").filter(parsed).n_unique().cast(pl.Int32),
            parse_failures=(pl.col("reason") == Reason.PARSE_FAILURE.value).sum().cast(pl.Int32),
        )
        .with_columns(low=low, high=high)
    )
    described = states.select(*STATE_KEY, "domain", "kind", "tool")
    return described.join(profiles, on=STATE_KEY, how="inner", maintain_order="left").select(*PROFILES.columns)


def write_profiles(writer: Writer, store: Store, scores: Ref, states: Ref, config: ProfileConfig) -> None:
    """Every part of the scores, in order."""
    for (index, part), (_, described) in zip(store.parts(scores), store.parts(states), strict=True):
        if not writer.done(index):
            profiles = profile_part(part, described, config) if part.height else frame(PROFILES, [])
            scored = part.select(STATE_KEY).unique().height
            left_out = {Unprofiled.UNDECIDED.value: scored - profiles.height}
            writer.write(index, {"profiles": profiles}, reasons=left_out)
