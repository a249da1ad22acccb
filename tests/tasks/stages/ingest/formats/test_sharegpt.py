"""ShareGPT turns: calls, results by position, and a system prompt beside them."""

import json
from pathlib import Path

from tests.tasks.stages.ingest.builders import SHAREGPT, TOOL, roles, trajectory_of


def test_calls_results_and_system(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, {**SHAREGPT, "system": "You are a clerk."})
    assert roles(trajectory) == ["system", "user", "assistant", "tool", "assistant"]
    [call] = trajectory.messages[2]["tool_calls"]
    assert call == {"id": "call-0", "name": "get_order", "arguments": '{"id":17}'}
    assert (trajectory.messages[3]["tool_call_id"], trajectory.messages[3]["name"]) == ("call-0", "get_order")
    assert json.loads(trajectory.tools_json) == [{"type": "function", "function": TOOL}]


def test_several_calls_in_one_turn(tmp_path: Path) -> None:
    calls = json.dumps([{"name": "get_order", "arguments": {"id": number}} for number in (1, 2)])
    turns = [{"from": "human", "value": "Both?"}, {"from": "function_call", "value": calls}]
    assert len(trajectory_of(tmp_path, {"conversations": turns}).messages[1]["tool_calls"]) == 2
