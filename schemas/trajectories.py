"""`trajectories`: one recorded agent episode per row, normalised.

An example row (the reward is in the source's own unit; None where none was recorded):

    {"trajectory_id": "5f1c0e8a9b7d4432", "task_id": "58", "domain": "retail", "world": "",
     "source_uri": "file:///data/sft.jsonl", "source_record": 3,
     "messages": [{"role": "user", "content": "Where is order 17?", "reasoning": "", "tool_calls": [],
                   "tool_call_id": "", "name": ""}, {"role": "assistant", ...}],
     "toolset_id": "9a0364b9e99bb480", "reward": 1.0, "success": True,
     "metadata": '{"format":"openai","trial":0}'}

`messages` is as in schemas/chat.py. Call ids are unique within a trajectory, and two assistant messages never follow
each other. `metadata` is a JSON object: `format`, the source's own small fields, `warnings` (counts of calls without a
result and the like), and `only_last_action` for NeMo Gym pivot rows, where only the last action is a demonstration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from schemas.chat import Message, Role
from schemas.columns import MESSAGE

TRAJECTORIES = DataFrameSchema(
    {
        "trajectory_id": Column(pl.String, Check.str_length(16, 16), unique=True),
        "task_id": Column(pl.String),
        "domain": Column(pl.String),
        "world": Column(pl.String),
        "source_uri": Column(pl.String),
        "source_record": Column(pl.Int64, Check.ge(0)),
        "messages": Column(pl.List(MESSAGE)),
        "toolset_id": Column(pl.String),
        "reward": Column(pl.Float64, nullable=True),
        "success": Column(pl.Boolean, nullable=True),
        "metadata": Column(pl.String, Check.str_startswith("{")),
    },
    strict=True,
    name="trajectories",
)
"""Key: trajectory_id, a hash of the content. `task_id` is "" where the source names no task."""


def opening(messages: Sequence[Message]) -> str:
    """A name for the opening of a conversation: a hash of roles and texts up to the user's first message.

    Rows that were cut from one trajectory have the same opening. So have attempts at one task in the same words. Where
    the user never speaks, the opening is what precedes the first action.
    """
    users_first = next((i + 1 for i, item in enumerate(messages) if item["role"] == Role.USER), 0)
    action = next((i for i, item in enumerate(messages) if item["role"] == Role.ASSISTANT), 0)
    said = [[item["role"], item["content"]] for item in messages[: users_first or action or 1]]
    return "opening-" + hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
