"""Each format's example, read by the reader that recognises it, and what is particular to the format."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.rejects import RejectReason
from tasks.stages.ingest.formats import FORMATS
from tasks.stages.ingest.trajectory import Trajectory
from tests.tasks.stages.ingest.builders import (
    CALL,
    EXAMPLES,
    OPENAI,
    OPENHANDS,
    RESPONSES,
    SHAREGPT,
    SWE_AGENT,
    TAU2,
    TAU2_RESULTS,
    TOOL,
    TOOLBENCH,
    USER,
    ingested,
    one,
    reasons,
    said,
)


def roles(found: Trajectory) -> list[str]:
    return [item["role"] for item in found.messages]


def metadata(found: Trajectory) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(found.metadata_json)
    return fields


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_format_is_found_by_content(tmp_path: Path, name: str) -> None:
    outcomes = ingested(tmp_path / "record.json", json.dumps(EXAMPLES[name]))
    assert metadata(outcomes[-1])["format"] == name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_named(name: str) -> None:
    assert name in EXAMPLES
    assert [other for other in FORMATS if FORMATS[other].recognises({"nothing": "known"})] == []


def test_a_named_format_refuses_others(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "record.json", json.dumps(SHAREGPT), format="openai")
    assert reasons(outcomes) == [RejectReason.UNKNOWN_FORMAT]
    assert "not a record of format openai" in outcomes[0].detail


@pytest.mark.parametrize("key", ["messages", "traj", "conversations", "conversation"])
def test_openai_under_every_key(tmp_path: Path, key: str) -> None:
    found = one(tmp_path, {key: OPENAI["messages"]})
    assert roles(found) == ["system", "user", "assistant", "tool", "assistant"]


def test_openai_fields(tmp_path: Path) -> None:
    found = one(tmp_path, {**OPENAI, "domain": "retail", "world": "desk", "trial": 2})
    assert (found.task_id, found.domain, found.world, found.reward, found.success) == (
        "58",
        "retail",
        "desk",
        1.0,
        True,
    )
    assert metadata(found) == {"format": "openai", "trial": 2}


def test_openai_splits_are_records_with_their_split(tmp_path: Path) -> None:
    splits = {"splits": {"train": [said("one")], "test": [said("two")]}}
    outcomes = ingested(tmp_path / "splits.json", json.dumps(splits))
    assert [metadata(outcome)["split"] for outcome in outcomes] == ["train", "test"]


def test_sharegpt_calls_results_and_system(tmp_path: Path) -> None:
    found = one(tmp_path, {**SHAREGPT, "system": "You are a clerk."})
    assert roles(found) == ["system", "user", "assistant", "tool", "assistant"]
    [call] = found.messages[2]["tool_calls"]
    assert call == {"id": "call-0", "name": "get_order", "arguments": '{"id":17}'}
    assert (found.messages[3]["tool_call_id"], found.messages[3]["name"]) == ("call-0", "get_order")
    assert json.loads(found.tools_json) == [{"type": "function", "function": TOOL}]


def test_sharegpt_several_calls_in_one_turn(tmp_path: Path) -> None:
    calls = json.dumps([{"name": "get_order", "arguments": {"id": number}} for number in (1, 2)])
    turns = [{"from": "human", "value": "Both?"}, {"from": "function_call", "value": calls}]
    assert len(one(tmp_path, {"conversations": turns}).messages[1]["tool_calls"]) == 2


def test_tau2_leaves_out_what_the_user_did_with_tools(tmp_path: Path) -> None:
    found = one(tmp_path, TAU2)
    assert roles(found) == ["assistant", "user", "assistant", "tool", "assistant", "user"]
    assert "check_status_bar" not in json.dumps(found.messages)
    assert found.messages[-1]["content"] == "It says 2G. ###STOP###"
    assert metadata(found)["termination_reason"] == "user_stop"
    assert "warnings" not in metadata(found)


def test_a_user_who_calls_and_speaks_keeps_the_words(tmp_path: Path) -> None:
    record = copy.deepcopy(TAU2)
    record["messages"][5]["content"] = "I look."
    assert one(tmp_path, record).messages[5]["content"] == "I look."


def test_users_results_are_known_by_id_where_no_requestor_is_given(tmp_path: Path) -> None:
    record = copy.deepcopy(TAU2)
    del record["messages"][6]["requestor"]
    assert "2G" not in [item["content"] for item in one(tmp_path, record).messages]


def test_tau2_results_share_policy_and_domain(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "results.json", json.dumps(TAU2_RESULTS, indent=1))
    assert reasons(outcomes) == ["taken", "taken"]
    assert {outcome.messages[0]["content"] for outcome in outcomes} == {"# Telecom policy"}
    assert {(outcome.domain, outcome.task_id, outcome.reward) for outcome in outcomes} == {("telecom", "0", 1.0)}


def test_tau2_single_task_file(tmp_path: Path) -> None:
    task = {"id": "7", "user_scenario": {"instructions": {"domain": "retail"}}}
    record = {"task": task, "run_info": {"termination_reason": "agent_error"}, "reward_info": {"reward": 0.0}}
    found = one(tmp_path, {**record, "messages": TAU2["messages"]})
    assert (found.domain, found.task_id, found.success) == ("retail", "7", False)
    empty = ingested(tmp_path / "empty.json", json.dumps({**record, "messages": []}))
    assert reasons(empty) == [RejectReason.NO_ASSISTANT_ACTION]


def test_responses_pivot_row(tmp_path: Path) -> None:
    found = one(tmp_path, {**RESPONSES, "reward": 0.0})
    assert roles(found) == ["system", "user", "assistant", "tool", "assistant"]
    assert found.messages[2]["reasoning"] == "They want a status."
    assert found.messages[2]["tool_calls"][0]["id"] == "c1"
    assert found.messages[-1]["content"] == "It has shipped."
    assert (found.domain, metadata(found)["agent"]) == ("", "clerk"), "the harness is no domain"
    assert json.loads(found.tools_json) == [{"type": "function", "function": TOOL}]
    assert metadata(found)["only_last_action"] is True
    assert (found.reward, metadata(found)["response_reward"]) == (None, 0.0)


def test_responses_expected_batch_and_answer(tmp_path: Path) -> None:
    call = {"name": "get_order", "arguments": "{}"}
    batch = {**RESPONSES, "expected_action": {"type": "function_call_batch", "calls": [call, call]}}
    assert len(one(tmp_path, batch).messages[-1]["tool_calls"]) == 2
    answer = {"responses_create_params": {"input": "Do it."}, "expected_answer": '{"keystrokes": "ls"}'}
    found = one(tmp_path, answer)
    assert [(item["role"], item["content"]) for item in found.messages] == [
        ("user", "Do it."),
        ("assistant", '{"keystrokes": "ls"}'),
    ]


def test_responses_rollout_is_one_trajectory_with_its_reward(tmp_path: Path) -> None:
    output = [
        {"type": "function_call", "call_id": "c2", "name": "get_order", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Late thought."}]},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "shipped"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
    ]
    params = {**RESPONSES["responses_create_params"], "instructions": "Be brief.", "metadata": {"instance_id": "i1"}}
    found = one(tmp_path, {"responses_create_params": params, "response": {"output": output}, "reward": 1})
    assert roles(found)[-3:] == ["assistant", "tool", "assistant"]
    assert found.messages[-3]["reasoning"] == "Late thought."
    assert found.messages[-2]["content"] == "shipped"
    assert (found.messages[0]["content"], found.task_id, found.success) == ("Be brief.", "i1", True)
    assert "only_last_action" not in metadata(found)


def test_responses_log_and_bare_items(tmp_path: Path) -> None:
    items = RESPONSES["responses_create_params"]["input"]
    assert roles(one(tmp_path, items)) == ["system", "user", "assistant", "tool"]
    said_so = {"type": "message", "role": "assistant", "content": "Yes."}
    assert roles(one(tmp_path, {"input": items, "output": [said_so]}))[-1] == "assistant"


def test_swe_agent_history(tmp_path: Path) -> None:
    found = one(tmp_path, SWE_AGENT)
    assert roles(found) == ["system", "user", "assistant", "tool"]
    assert found.messages[1]["content"] == "Fix it."
    assert found.messages[2]["reasoning"] == ""
    assert found.messages[3]["tool_call_id"] == "c1"
    assert found.messages[3]["content"].endswith("\r\n")
    assert (found.success, metadata(found)["exit_status"]) == (None, "submitted")


def test_swe_agent_without_history_reads_the_last_step(tmp_path: Path) -> None:
    query = [USER, {"role": "assistant", "content": "ls"}, {"role": "user", "content": "f.py"}]
    steps = [{"query": query[:1], "response": "ls"}, {"query": query, "response": "submit"}]
    found = one(tmp_path, {"trajectory": steps, "info": {}})
    assert [item["content"] for item in found.messages] == ["Where is order 17?", "ls", "f.py", "submit"]
    repeated = one(tmp_path, {"trajectory": [{"messages": query[:2]}, {"messages": query}]})
    assert [item["content"] for item in repeated.messages] == ["Where is order 17?", "ls", "f.py"]


def test_toolbench_keeps_the_longest_of_growing_prefixes(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "answer.json", json.dumps(TOOLBENCH))
    assert reasons(outcomes) == [RejectReason.PREFIX_OF_ANOTHER, "taken"]
    assert "trajectory 1" in outcomes[0].detail
    assert roles(outcomes[1]) == ["user", "assistant", "tool", "assistant"]
    assert outcomes[1].messages[2]["tool_call_id"] == outcomes[1].messages[1]["tool_calls"][0]["id"]
    assert outcomes[1].success is True


def test_toolbench_without_messages_is_empty(tmp_path: Path) -> None:
    record = {"win": False, "answer_generation": {"valid_data": False}}
    outcomes = ingested(tmp_path / "answer.json", json.dumps(record))
    assert reasons(outcomes) == [RejectReason.NO_ASSISTANT_ACTION]


def test_tooltalk_calls_come_before_the_words(tmp_path: Path) -> None:
    found = one(tmp_path, EXAMPLES["tooltalk"])
    assert roles(found) == ["user", "assistant", "tool", "assistant"]
    assert found.messages[2]["content"] == '{"event_id":"e1"}'
    assert found.task_id == "CreateEvent-easy"


def test_openhands_events_of_one_response_are_one_action(tmp_path: Path) -> None:
    found = one(tmp_path, OPENHANDS)
    assert roles(found) == ["system", "user", "assistant", "tool", "tool"]
    assert [item["tool_call_id"] for item in found.messages[3:]] == ["c1", "c2"]
    assert found.toolset_id
    assert metadata(found)["skipped_events"] == 1


def test_openhands_without_the_models_words_is_rejected(tmp_path: Path) -> None:
    events = [*OPENHANDS[:2], {"action": "run", "command": "ls", "thought": "I look."}]
    [reject] = ingested(tmp_path / "old.json", json.dumps({"history": events}))
    assert reject.reason is RejectReason.UNKNOWN_FORMAT
    assert "event 2" in reject.detail


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [USER, "words"]}, RejectReason.MALFORMED_MESSAGE),
        ({**RESPONSES, "expected_action": {"type": "wait"}}, RejectReason.MALFORMED_MESSAGE),
        ({"messages": [{"role": "narrator", "content": "Once"}]}, RejectReason.UNKNOWN_ROLE),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, RejectReason.UNSUPPORTED_CONTENT),
        ({"input": [{"type": "web_search_call"}], "output": []}, RejectReason.UNSUPPORTED_CONTENT),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c1"}]}]}, RejectReason.MALFORMED_CALL),
        ({"conversations": [{"from": "function_call", "value": "oops"}]}, RejectReason.MALFORMED_CALL),
        ({"conversation": [{"role": "user", "text": "", "apis": [{}]}]}, RejectReason.MALFORMED_CALL),
        ({**OPENAI, "tools": "oops"}, RejectReason.MALFORMED_TOOLS),
        ({**OPENAI, "tools": {"get_order": {}}}, RejectReason.MALFORMED_TOOLS),
        ({**OPENAI, "tools": [{"type": "web_search"}]}, RejectReason.MALFORMED_TOOLS),
        ({"messages": [USER]}, RejectReason.NO_ASSISTANT_ACTION),
        ({"messages": []}, RejectReason.NO_ASSISTANT_ACTION),
        ({"messages": {"user": CALL}}, RejectReason.UNKNOWN_FORMAT),
        ({"messages_display": "user: Hi"}, RejectReason.UNKNOWN_FORMAT),
    ],
)
def test_what_cannot_be_taken_has_a_reason(tmp_path: Path, record: Any, reason: RejectReason) -> None:
    [reject] = ingested(tmp_path / "record.json", json.dumps(record))
    assert reject.reason is reason, reject.detail
    assert json.loads(reject.raw) == record
