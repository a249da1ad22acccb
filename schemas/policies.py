"""`policies`: one training step of a policy; the model folder itself is the artefact's files.

An example row:

    step 12, loss -0.013, reward_mean 0.61, reward_std 0.49, zero_variance 0.22, ...,
    distinct_tokens 18211, sample_s 1.4

A column is null where the method has no such thing: SFT has no rewards, there is no KL without a coefficient, and only
every so many steps have a validation. A step of which the verifier decided no sample has no rewards either.
"""

from __future__ import annotations

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

POLICIES = DataFrameSchema(
    {
        "step": Column(pl.Int32, Check.ge(0), unique=True),
        "loss": Column(pl.Float64),
        "reward_mean": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "reward_std": Column(pl.Float64, Check.ge(0), nullable=True),
        "zero_variance": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "parse_failures": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "undecided": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "clip_share": Column(pl.Float64, nullable=True),
        "kl": Column(pl.Float64, nullable=True),
        "entropy": Column(pl.Float64, nullable=True),
        "grad_norm": Column(pl.Float64, Check.ge(0)),
        "sampler_mismatch": Column(pl.Float64, nullable=True),
        "validation": Column(pl.Float64, Check.in_range(0, 1), nullable=True),
        "learning_rate": Column(pl.Float64, Check.ge(0)),
        "states": Column(pl.Int32, Check.ge(1)),
        "samples": Column(pl.Int32, Check.ge(1)),
        "distinct_tokens": Column(pl.Int64, Check.ge(0)),
        "repeated_tokens": Column(pl.Int64, Check.ge(0)),
        "sample_s": Column(pl.Float64, Check.ge(0)),
        "verify_s": Column(pl.Float64, Check.ge(0)),
        "update_s": Column(pl.Float64, Check.ge(0)),
        "sync_s": Column(pl.Float64, Check.ge(0)),
        "validate_s": Column(pl.Float64, Check.ge(0)),
    },
    strict=True,
    name="policies",
)
"""Meaning and unit of each column: `tasks.stages.train.metrics.StepMetrics`."""
