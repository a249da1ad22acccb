"""Rows of OpenAI messages, read again by JSON, Polars and this project's own ingest."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.chat import as_message
from schemas.config import IngestConfig
from tasks.exchange.export import FORMATS, export
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.linkage import linked
from tasks.stages.ingest.trajectory import Trajectory
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import TOOLS
from tests.tasks.exchange.exported import PIVOTS, exported, written


@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_a_chat_export_holds_the_same_states(store: Store, pivots: Ref, format_name: str, tmp_path: Path) -> None:
    """Read again by this project's own reader of OpenAI messages: history, tools and demonstration are the same."""
    lines = []
    for row in written(store, pivots, format_name, tmp_path):
        tools = row["tools"] if "tools" in row else json.loads(row["extra_info"]["tools"])
        last = row.get("demonstration") or row.get("reward_model", {}).get("ground_truth")
        messages = row["messages"] if last is None else [*row["prompt"], json.loads(last)]
        lines.append(json.dumps({"messages": messages, "tools": tools}))
    path = tmp_path / "again.jsonl"
    path.write_text("\n".join(lines))
    outcomes = ingest(IngestConfig(source=str(path), format="openai"))
    again = [outcome for outcome in outcomes if isinstance(outcome, Trajectory)]
    assert len(again) == len(PIVOTS)
    for pivot, trajectory in zip(exported(store, pivots), again, strict=True):
        demonstration = as_message(pivot.state.demonstration)
        expected, _ = linked([*pivot.state.state.messages, demonstration])
        assert list(trajectory.messages) == expected
        assert json.loads(trajectory.tools_json or "[]") == list(pivot.state.state.tools)


def test_openai_ends_with_the_demonstration(store: Store, pivots: Ref, tmp_path: Path) -> None:
    _, single, _, _, last, untooled, _ = written(store, pivots, "openai", tmp_path)
    assert single["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "They want a status.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": 0}'}}
        ],
    }
    assert single["tools"] == TOOLS and untooled["tools"] == []
    assert last["messages"][-1]["content"] == "One is lost." and len(last["messages"]) == 12
    assert last["messages"][5] == {"role": "tool", "content": "shipped", "tool_call_id": "a", "name": "get_order"}
    assert (last["pass_rate"], last["artefact"]) == (0.5, str(pivots))


def test_trl_has_the_prompt_and_the_demonstration_apart(store: Store, pivots: Ref, tmp_path: Path) -> None:
    both = written(store, pivots, "trl", tmp_path)[2]
    assert both["prompt"][-1]["role"] == "tool" and both["tools"] == TOOLS
    demonstration = json.loads(both["demonstration"])
    assert demonstration["content"] == "Both." and len(demonstration["tool_calls"]) == 2


def test_verl_has_its_columns(store: Store, pivots: Ref, tmp_path: Path) -> None:
    row = written(store, pivots, "verl", tmp_path)[0]
    assert set(row) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
    assert row["data_source"] == "pivotrl/desk" and row["reward_model"]["style"] == "rule"
    assert json.loads(row["reward_model"]["ground_truth"]) == {"role": "assistant", "content": "Which one?"}
    assert json.loads(row["extra_info"]["tools"]) == TOOLS and row["extra_info"]["split"] == "train"
    assert {"index", "trajectory_id", "turn_index"} <= set(row["extra_info"])


@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_parquet_holds_the_same_rows(store: Store, pivots: Ref, format_name: str, tmp_path: Path) -> None:
    rows = written(store, pivots, format_name, tmp_path)
    output = tmp_path / f"{format_name}.parquet"
    assert export(store, pivots, format_name, output)["rows"] == len(rows)
    frame = pl.read_parquet(output)
    columns = FORMATS[format_name].columns
    assert columns is not None and frame.columns == list(columns) == list(rows[0])
    for read, row in zip(frame.iter_rows(named=True), rows, strict=True):
        texts = {key: json.dumps(value, separators=(",", ":")) for key, value in row.items() if key == "tools"}
        assert present(read) == present({**row, **texts})


def present(value: Any) -> Any:
    """Without the keys that are null."""
    if isinstance(value, dict):
        return {key: present(item) for key, item in value.items() if item is not None}
    return [present(item) for item in value] if isinstance(value, list) else value
