"""`decisions`: by how much a candidate policy is better than the one it would replace, and whether that is enough.

An example of a row that decides, and of one that it pools:

    {"suite": "all", "domain": "", "scope": "in_domain", "temperature": None, "candidate": 0.871, "baseline": 0.802,
     "difference": 0.069, "standard_error": 0.024, "bound": 0.024, "holds": True}
    {"suite": "states", "domain": "desk", "scope": "in_domain", "temperature": 0.0, "candidate": 0.904, ...,
     "n": 412, "baseline_n": 412, "bound": None, "holds": None}

The manifest's summary has the outcome: `passes` (the gate), `candidate`, `baseline` and `sentence`.
"""

from __future__ import annotations

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.evaluations import Scope, Suite

POOLED = "all"
"""The suite of a row that decides: the mean over the suites of its scope."""

DECISIONS = DataFrameSchema(
    {
        "suite": Column(pl.String, Check.isin([POOLED, *(s.value for s in Suite)])),
        "domain": Column(pl.String),
        "scope": Column(pl.String, Check.isin([s.value for s in Scope])),
        "temperature": Column(pl.Float64, Check.ge(0), nullable=True),
        "candidate": Column(pl.Float64),
        "baseline": Column(pl.Float64),
        "difference": Column(pl.Float64),
        "standard_error": Column(pl.Float64, Check.ge(0)),
        "n": Column(pl.Int32, Check.ge(1), nullable=True),
        "baseline_n": Column(pl.Int32, Check.ge(1), nullable=True),
        "bound": Column(pl.Float64, nullable=True),
        "holds": Column(pl.Boolean, nullable=True),
    },
    strict=True,
    unique=["suite", "domain", "scope", "temperature"],
    name="decisions",
)
"""`candidate` and `baseline` are pass rates; the standard error is of their difference. `n` and `baseline_n` are the
cases that were decided of each; in a row that decides, those decided for one policy alone count against the candidate.
`bound` is what the difference is held against. These are null, like `temperature` and `holds`, where they have no
place."""
