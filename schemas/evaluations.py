"""`evaluations`: one measurement of one policy per row. An example:

policy "desk:3f9a...", suite "states", domain "desk", scope "in_domain", metric "pass_rate", temperature 0.0,
value 0.79, n 412, standard_error 0.020
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema


class Scope(StrEnum):
    """Whether training saw this kind of task."""

    IN_DOMAIN = "in_domain"
    OOD = "ood"


class Suite(StrEnum):
    """What was measured."""

    STATES = "states"
    """Held-out states, judged by the verifier."""
    EPISODES = "episodes"
    """Whole episodes in a world, judged by its final state."""
    SKILL = "skill"
    """A question with one right answer; `domain` names the skill."""


EVALUATIONS = DataFrameSchema(
    {
        "policy": Column(pl.String),
        "suite": Column(pl.String, Check.isin([s.value for s in Suite])),
        "domain": Column(pl.String),
        "scope": Column(pl.String, Check.isin([s.value for s in Scope])),
        "metric": Column(pl.String),
        "temperature": Column(pl.Float64, Check.ge(0)),
        "value": Column(pl.Float64),
        "n": Column(pl.Int32, Check.ge(1)),
        "standard_error": Column(pl.Float64, Check.ge(0)),
    },
    strict=True,
    unique=["policy", "suite", "domain", "metric", "temperature"],
    name="evaluations",
)
"""`n` counts states, episodes or items. The standard error is over tasks: neither the samples of a state nor the states
of a trajectory are independent."""
