"""ToolBench answers: the longest of growing prefixes, and the query as the task."""

import json
from pathlib import Path
from typing import Any

from schemas.rejects import RejectReason
from tests.tasks.stages.ingest.builders import TOOLBENCH, USER, ingested, reasons, roles


def test_keeps_the_longest_of_growing_prefixes(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "answer.json", json.dumps(TOOLBENCH))
    assert reasons(outcomes) == [RejectReason.PREFIX_OF_ANOTHER, "taken"]
    assert "trajectory 1" in outcomes[0].detail
    assert roles(outcomes[1]) == ["user", "assistant", "tool", "assistant"]
    assert outcomes[1].messages[2]["tool_call_id"] == outcomes[1].messages[1]["tool_calls"][0]["id"]
    assert outcomes[1].success is True


def test_without_messages_is_empty(tmp_path: Path) -> None:
    record = {"win": False, "answer_generation": {"valid_data": False}}
    outcomes = ingested(tmp_path / "answer.json", json.dumps(record))
    assert reasons(outcomes) == [RejectReason.NO_ASSISTANT_ACTION]


def test_branches_of_one_query_are_one_task(tmp_path: Path) -> None:
    def branch(query: str, answer: str) -> dict[str, Any]:
        messages = [[USER, {"role": "assistant", "content": answer}]]
        return {"win": True, "answer_generation": {"query": query, "train_messages": messages}}

    records = [branch("Find it.", "one"), branch("Find it.", "two"), branch("Sell it.", "three"), branch("", "four")]
    tasks = [trajectory.task_id for trajectory in ingested(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))]
    assert tasks[0] == tasks[1] != tasks[2] and tasks[0].startswith("query-")
    assert tasks[3] == ""
