"""Responses-API items: pivot rows, rollouts, logs and bare lists."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.stages.ingest.builders import RESPONSES, TOOL, metadata, roles, trajectory_of


def test_pivot_row(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, {**RESPONSES, "reward": 0.0})
    assert roles(trajectory) == ["system", "user", "assistant", "tool", "assistant"]
    assert trajectory.messages[2]["reasoning"] == "They want a status."
    assert trajectory.messages[2]["tool_calls"][0]["id"] == "c1"
    assert trajectory.messages[-1]["content"] == "It has shipped."
    assert (trajectory.domain, metadata(trajectory)["agent"]) == ("", "clerk"), "the harness is no domain"
    assert json.loads(trajectory.tools_json) == [{"type": "function", "function": TOOL}]
    assert metadata(trajectory)["only_last_action"] is True
    assert (trajectory.reward, metadata(trajectory)["response_reward"]) == (None, 0.0)


def test_expected_batch_and_answer(tmp_path: Path) -> None:
    call = {"name": "get_order", "arguments": "{}"}
    batch = {**RESPONSES, "expected_action": {"type": "function_call_batch", "calls": [call, call]}}
    assert len(trajectory_of(tmp_path, batch).messages[-1]["tool_calls"]) == 2
    answer = {"responses_create_params": {"input": "Do it."}, "expected_answer": '{"keystrokes": "ls"}'}
    trajectory = trajectory_of(tmp_path, answer)
    assert [(item["role"], item["content"]) for item in trajectory.messages] == [
        ("user", "Do it."),
        ("assistant", '{"keystrokes": "ls"}'),
    ]


def test_rollout_is_one_trajectory_with_its_reward(tmp_path: Path) -> None:
    output = [
        {"type": "function_call", "call_id": "c2", "name": "get_order", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Late thought."}]},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "shipped"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
    ]
    params = {**RESPONSES["responses_create_params"], "instructions": "Be brief.", "metadata": {"instance_id": "i1"}}
    trajectory = trajectory_of(
        tmp_path, {"responses_create_params": params, "response": {"output": output}, "reward": 1}
    )
    assert roles(trajectory)[-3:] == ["assistant", "tool", "assistant"]
    assert trajectory.messages[-3]["reasoning"] == "Late thought."
    assert trajectory.messages[-2]["content"] == "shipped"
    assert (trajectory.messages[0]["content"], trajectory.task_id, trajectory.success) == ("Be brief.", "i1", True)
    assert "only_last_action" not in metadata(trajectory)


def test_log_and_bare_items(tmp_path: Path) -> None:
    items = RESPONSES["responses_create_params"]["input"]
    assert roles(trajectory_of(tmp_path, items)) == ["system", "user", "assistant", "tool"]
    said_so = {"type": "message", "role": "assistant", "content": "Yes."}
    assert roles(trajectory_of(tmp_path, {"input": items, "output": [said_so]}))[-1] == "assistant"


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({"task_id": "58", "id": "row-1"}, "58"),
        ({"instance_id": "i1"}, "i1"),
        ({"task": {"id": "7"}}, "7"),
        ({"id": "row-1", "uuid": "u1", "trajectory_id": "t1"}, ""),
    ],
)
def test_pivot_rows_name_their_task_or_only_themselves(tmp_path: Path, fields: dict[str, Any], task: str) -> None:
    assert trajectory_of(tmp_path, {**RESPONSES, **fields}).task_id == task


def test_the_id_of_a_rollout_is_its_task_and_that_of_a_logged_answer_is_not(tmp_path: Path) -> None:
    output = [{"type": "message", "role": "assistant", "content": "Done."}]
    params = RESPONSES["responses_create_params"]
    rollout = {"id": "aime-0", "responses_create_params": params, "response": {"output": output}}
    assert trajectory_of(tmp_path, rollout).task_id == "aime-0"
    assert trajectory_of(tmp_path, {"id": "resp_1", "input": params["input"], "output": output}).task_id == ""
