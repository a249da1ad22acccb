"""`decisions`: by how much a candidate policy is better than its base, and whether that is enough.

The base is the policy in use, or the model before the first promotion.

An example of a row that decides, and of one that it pools:

    {"suite": "all", "domain": "", "scope": "in_domain", "temperature": None, "candidate": 0.871, "base": 0.802,
     "difference": 0.069, "standard_error": 0.024, "bound": 0.024, "holds": True}
    {"suite": "states", "domain": "desk", "scope": "in_domain", "temperature": 0.0, "candidate": 0.904, ...,
     "n": 412, "base_n": 412, "bound": None, "holds": None}

The manifest's summary has the outcome: `passes` (the gate), `candidate`, `base` and `sentence`.
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
        "base": Column(pl.Float64),
        "difference": Column(pl.Float64),
        "standard_error": Column(pl.Float64, Check.ge(0)),
        "n": Column(pl.Int32, Check.ge(1), nullable=True),
        "base_n": Column(pl.Int32, Check.ge(1), nullable=True),
        "bound": Column(pl.Float64, nullable=True),
        "holds": Column(pl.Boolean, nullable=True),
    },
    strict=True,
    unique=["suite", "domain", "scope", "temperature"],
    name="decisions",
)
"""`candidate` and `base` are pass rates; the standard error is of their difference. `n` and `base_n` are the cases that
were decided for each. In a row that decides, a case that was decided for one policy alone counts against the candidate.
The difference must be above `bound` in domain, and not below it out of domain. Columns are null where they have no
place: `temperature`, `n` and `base_n` in a row that decides, `bound` and `holds` in the others."""
