"""`pivots`: one selected state per row, best first. `unselected`: every other profiled state, with the reason.

A row of `pivots` is a profile with `rank` (0 is the best) and `why`; a row of `unselected` is one with `reason`.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.columns import STATE_KEY
from schemas.profiles import PROFILE_COLUMNS


class Why(StrEnum):
    """Why a state was selected."""

    PIVOT = "pivot"
    """Its rewards vary and their mean is below `max_mean`."""
    RANDOM = "random"
    """Drawn at random, whatever its profile: the ablation."""


class Unselected(StrEnum):
    """Why a profiled state was not selected."""

    ALWAYS_RIGHT = "always_right"
    """Every sample got the same reward, 1: no gradient."""
    NEVER_RIGHT = "never_right"
    """Every sample got the same reward, 0: no gradient."""
    NO_VARIANCE = "no_variance"
    """Every sample got the same reward between 0 and 1: no gradient."""
    TOO_EASY = "too_easy"
    """The rewards vary and their mean is not below `max_mean`."""
    OVER_BUDGET = "over_budget"
    """It qualifies, but the budget went to others."""
    NOT_DRAWN = "not_drawn"
    """The random draw fell on others."""


PIVOTS = DataFrameSchema(
    {
        **PROFILE_COLUMNS,
        "rank": Column(pl.Int32, Check.ge(0), unique=True),
        "why": Column(pl.String, Check.isin([w.value for w in Why])),
    },
    strict=True,
    unique=STATE_KEY,
    name="pivots",
)

UNSELECTED = DataFrameSchema(
    {**PROFILE_COLUMNS, "reason": Column(pl.String, Check.isin([u.value for u in Unselected]))},
    strict=True,
    unique=STATE_KEY,
    name="unselected",
)
