"""`scores`: one verdict per row. An example:

trajectory_id "9f2c...", turn_index 3, sample_index 0, reward 1.0, reason "equivalent", detail "", action '{"content":
"", ...}'
"""

from __future__ import annotations

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.columns import SAMPLE_KEY

SCORES = DataFrameSchema(
    {
        "trajectory_id": Column(pl.String),
        "turn_index": Column(pl.Int32, Check.ge(0)),
        "sample_index": Column(pl.Int32, Check.ge(0)),
        "reward": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "reason": Column(pl.String),
        "detail": Column(pl.String),
        "action": Column(pl.String),
    },
    strict=True,
    unique=SAMPLE_KEY,
    name="scores",
)
"""`action` is the parsed action as canonical JSON, "" where the completion did not parse. Equal actions have equal
text. `reward` is null where the verifier could not decide (reason "undecided"): its state has no profile."""
