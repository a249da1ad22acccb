"""`checks`: one demonstration per row, as the policy would write it, and whether it comes back. An example:

trajectory_id "9f2c...", turn_index 3, prefill "<think>\\n", text "</think>It has shipped.", reward 1.0, reason
"returned", detail ""
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.columns import STATE_KEY


class CheckReason(StrEnum):
    """What became of a demonstration between the template, the parser and the verifier."""

    RETURNED = "returned"
    """It comes back as itself and gets reward 1."""
    NOT_RENDERED = "not_rendered"
    """The chat template refuses the state."""
    NO_TEXT = "no_text"
    """The template refuses the demonstration, rewrites the prompt before it, or ends it with no stop token."""
    UNREADABLE = "unreadable"
    """The parser takes the policy's own text for no action."""
    CHANGED = "changed"
    """It comes back with another text, other calls or other reasoning."""
    REJECTED = "rejected"
    """It comes back as itself, and the verifier gives it less than 1."""
    UNDECIDED = "undecided"
    """The verifier could not decide."""


CHECKS = DataFrameSchema(
    {
        "trajectory_id": Column(pl.String),
        "turn_index": Column(pl.Int32, Check.ge(0)),
        "prefill": Column(pl.String),
        "text": Column(pl.String, nullable=True),
        "reward": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "reason": Column(pl.String, Check.isin([reason.value for reason in CheckReason])),
        "detail": Column(pl.String),
    },
    strict=True,
    unique=STATE_KEY,
    name="checks",
)
"""`prefill` is what the state's prompt already holds of the action. `text` is the rest of the demonstration, without
the end of its turn; null where the template does not write it whole. `reward` is null where the verifier was not asked
or could not decide."""
