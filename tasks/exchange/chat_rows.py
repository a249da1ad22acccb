"""Rows of OpenAI chat messages: for SFT, for TRL and for verl.

    openai  {"messages": [..., the demonstration], "tools": [...], ...}
    trl     {"prompt": [...], "tools": [...], "demonstration": '{"role": "assistant", ...}', ...}
    verl    {"data_source": "pivotrl/retail", "prompt": [...], "ability": "tool_use",
             "reward_model": {"style": "rule", "ground_truth": '{"role": "assistant", ...}'},
             "extra_info": {"index": 0, "split": "train", "tools": '[...]', ...}}

Arguments stay JSON text, as OpenAI has them. As objects they would get each other's keys: to Parquet and to Hugging
Face datasets, a column of objects is one struct of all keys. Sources: TRL's "Dataset formats and types"; verl's
RLHFDataset.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from schemas.chat import Message, as_message
from tasks.exchange.pivots import Pivot

Columns = dict[str, pl.DataType | type[pl.DataType]]

_CALL = pl.Struct(
    {"id": pl.String, "type": pl.String, "function": pl.Struct({"name": pl.String, "arguments": pl.String})}
)
_MESSAGES = pl.List(
    pl.Struct(
        {
            "role": pl.String,
            "content": pl.String,
            "reasoning_content": pl.String,
            "tool_calls": pl.List(_CALL),
            "tool_call_id": pl.String,
            "name": pl.String,
        }
    )
)
_ABOUT: Columns = {
    "trajectory_id": pl.String,
    "turn_index": pl.Int64,
    "task_id": pl.String,
    "domain": pl.String,
    "rank": pl.Int64,
    "pass_rate": pl.Float64,
    "mean": pl.Float64,
    "variance": pl.Float64,
    "artefact": pl.String,
}
OPENAI: Columns = {"messages": _MESSAGES, "tools": pl.String, **_ABOUT}
TRL: Columns = {"prompt": _MESSAGES, "tools": pl.String, "demonstration": pl.String, **_ABOUT}
VERL: Columns = {
    "data_source": pl.String,
    "prompt": _MESSAGES,
    "ability": pl.String,
    "reward_model": pl.Struct({"style": pl.String, "ground_truth": pl.String}),
    "extra_info": pl.Struct({"index": pl.Int64, "split": pl.String, "tools": pl.String, **_ABOUT}),
}


def openai_row(pivot: Pivot) -> dict[str, Any]:
    """The history with the demonstration as its last message."""
    messages = [*map(_chat, pivot.state.state.messages), _demonstration(pivot)]
    return {"messages": messages, "tools": list(pivot.state.state.tools), **_about(pivot)}


def trl_row(pivot: Pivot) -> dict[str, Any]:
    """A conversational prompt-only row. TRL hands the other columns to a reward function, by their names."""
    prompt = [_chat(message) for message in pivot.state.state.messages]
    demonstration = _json(_demonstration(pivot))
    return {"prompt": prompt, "tools": list(pivot.state.state.tools), "demonstration": demonstration, **_about(pivot)}


def verl_row(pivot: Pivot) -> dict[str, Any]:
    """The columns that verl's data set and its reward managers read."""
    extra = {"index": pivot.row["rank"], "split": pivot.state.split, "tools": _json(list(pivot.state.state.tools))}
    return {
        "data_source": f"pivotrl/{pivot.state.state.domain}".rstrip("/"),
        "prompt": [_chat(message) for message in pivot.state.state.messages],
        "ability": "tool_use",
        "reward_model": {"style": "rule", "ground_truth": _json(_demonstration(pivot))},
        "extra_info": {**extra, **_about(pivot)},
    }


def frame(rows: list[dict[str, Any]], schema: Columns) -> pl.DataFrame:
    """Rows as Parquet holds them: the keys that a message lacks are null, and tool schemas are JSON text."""
    texts = [
        {key: _json(value) if schema[key] == pl.String and not isinstance(value, str) else value for key, value in r}
        for r in (row.items() for row in rows)
    ]
    return pl.DataFrame(texts, schema=schema)


def _about(pivot: Pivot) -> dict[str, Any]:
    profile, state = pivot.row, pivot.state.state
    return {
        "trajectory_id": state.trajectory_id,
        "turn_index": state.turn_index,
        "task_id": pivot.task_id,
        "domain": state.domain,
        "rank": profile["rank"],
        "pass_rate": pivot.pass_rate,
        "mean": profile["mean"],
        "variance": profile["variance"],
        "artefact": pivot.artefact,
    }


def _demonstration(pivot: Pivot) -> dict[str, Any]:
    return _chat(as_message(pivot.state.demonstration))


def _chat(message: Message) -> dict[str, Any]:
    """A message in the OpenAI form, without empty keys except the content."""
    calls = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in message["tool_calls"]
    ]
    optional = {
        "reasoning_content": message["reasoning"],
        "tool_calls": calls,
        "tool_call_id": message["tool_call_id"],
        "name": message["name"],
    }
    present = {key: value for key, value in optional.items() if value}
    return {"role": message["role"], "content": message["content"], **present}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
