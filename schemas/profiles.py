"""`profiles`: one state per row, with the statistics of its K rewards under the policy that sampled them. An example:

trajectory_id "9f2c...", turn_index 3, domain "desk", kind "call", tool "get_order", n 8, successes 5, mean 0.625,
variance 0.234375, min 0.0, max 1.0, low 0.306, high 0.863, distinct_actions 3, parse_failures 0
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.columns import STATE_KEY

REWARD_TOLERANCE = 1e-6
"""The rewards of a state vary when max - min exceeds this; else every advantage is zero, and with it the gradient. The
one tolerance of selection, training and reports."""


class Unprofiled(StrEnum):
    """Why a state that was scored has no profile."""

    UNDECIDED = "undecided"
    """The verifier left samples of it undecided. The others are no fair draw: the cheap verifier of a cascade decides
    what is plainly right, and the judge that failed was asked about the rest."""


class Unrecorded(StrEnum):
    """Why a state of imported rows has no recorded profile."""

    NO_PASS_RATE = "no_pass_rate"
    """Its row has no pass rate."""
    NO_TOTAL = "no_total"
    """Its row has a pass rate, and does not say of how many samples."""
    IMPOSSIBLE = "impossible_pass_rate"
    """More passed than were sampled, numbers that contradict each other, or no numbers."""
    IMPOSSIBLE_REWARD = "impossible_reward"
    """A reward of its rollouts is not between 0 and 1."""


PROFILE_COLUMNS = {
    "trajectory_id": Column(pl.String),
    "turn_index": Column(pl.Int32, Check.ge(0)),
    "domain": Column(pl.String),
    "kind": Column(pl.String),
    "tool": Column(pl.String),
    "n": Column(pl.Int32, Check.ge(1)),
    "successes": Column(pl.Int32, Check.ge(0)),
    "mean": Column(pl.Float64, Check.in_range(0, 1)),
    "variance": Column(pl.Float64, Check.in_range(0, 0.25)),
    "min": Column(pl.Float64, Check.in_range(0, 1)),
    "max": Column(pl.Float64, Check.in_range(0, 1)),
    "low": Column(pl.Float64, Check.in_range(0, 1)),
    "high": Column(pl.Float64, Check.in_range(0, 1)),
    "distinct_actions": Column(pl.Int32, Check.ge(0)),
    "parse_failures": Column(pl.Int32, Check.ge(0)),
}
"""`successes` counts rewards of 1. `variance` is the population's (divided by n), as in the paper. `low` and `high` are
the bounds of the mean's Wilson interval. `distinct_actions` counts different parsed actions; it is 0 where only a pass
rate was recorded."""

PROFILES = DataFrameSchema(PROFILE_COLUMNS, strict=True, unique=STATE_KEY, name="profiles")
