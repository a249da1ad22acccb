"""`states`: one assistant action of a trajectory per row.

The history is not copied: it is `messages[:message_index]` of the trajectory. So states cost O(turns). An example row:

    trajectory_id "9f2c...", turn_index 3, message_index 7, kind "call", tool "get_order", domain "desk",
    split "train", excluded "", content "", reasoning "",
    tool_calls [{"id": "c3", "name": "get_order", "arguments": '{"order_id": 17}'}]
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.chat import ActionKind
from schemas.columns import STATE_KEY, TOOL_CALL


class Split(StrEnum):
    """Where a state is used. New data never changes the split of a task."""

    TRAIN = "train"
    VALIDATION = "validation"


SPLIT_BY_OPENING = "split_by_opening"
"""Counted beside the reasons: states whose trajectory names no task, so that its opening decides the split."""


class Exclusion(StrEnum):
    """Why a state takes no part."""

    CANNED = "canned"
    """A message before the user's first: no model sampled it."""
    EMPTY = "empty"
    """Neither text nor a call."""
    CONTEXT = "context"
    """An earlier action of a NeMo Gym pivot row, which demonstrates only its last one."""
    TERMINAL = "terminal"
    """The last action of a trajectory, where it is a message."""
    NO_REASONING = "no_reasoning"
    """No reasoning is recorded, and `split.reasoning` requires it."""


STATES = DataFrameSchema(
    {
        "trajectory_id": Column(pl.String),
        "turn_index": Column(pl.Int32, Check.ge(0)),
        "message_index": Column(pl.Int32, Check.ge(0)),
        "kind": Column(pl.String, Check.isin([k.value for k in ActionKind])),
        "tool": Column(pl.String),
        "domain": Column(pl.String),
        "split": Column(pl.String, Check.isin([s.value for s in Split])),
        "excluded": Column(pl.String, Check.isin(["", *(e.value for e in Exclusion)])),
        "content": Column(pl.String),
        "reasoning": Column(pl.String),
        "tool_calls": Column(pl.List(TOOL_CALL)),
    },
    strict=True,
    unique=STATE_KEY,
    name="states",
)
"""`tool` names the called tools in order, joined by "+"; "" for a message. `excluded` is "" or an Exclusion.
`reasoning` is "" everywhere where `split.reasoning` drops it."""
