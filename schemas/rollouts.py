"""`rollouts`: one sampled action per row. A row is the unit of sampling cost, a rollout turn. An example:

trajectory_id "9f2c...", turn_index 3, sample_index 0, prompt_tokens 412, token_ids [17, 204, 2], logprobs [-0.1, -0.7,
-0.0], text '<tool_call>\\n{"name": ...}\\n</tool_call>', finished true
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.columns import SAMPLE_KEY


class NotSampled(StrEnum):
    """Why a training state has no rollouts."""

    TOO_LONG = "too_long"
    """Its prompt and one action do not fit into the context."""
    NOT_RENDERED = "not_rendered"
    """The chat template refuses its messages."""


ROLLOUTS = DataFrameSchema(
    {
        "trajectory_id": Column(pl.String),
        "turn_index": Column(pl.Int32, Check.ge(0)),
        "sample_index": Column(pl.Int32, Check.ge(0)),
        "prompt_tokens": Column(pl.Int32, Check.gt(0)),
        "token_ids": Column(pl.List(pl.Int32)),
        "logprobs": Column(pl.List(pl.Float32)),
        "text": Column(pl.String),
        "finished": Column(pl.Boolean),
    },
    strict=True,
    unique=SAMPLE_KEY,
    name="rollouts",
)
"""`logprobs` are the sampler's, in nats, one per token. `finished` is false at the length limit."""
