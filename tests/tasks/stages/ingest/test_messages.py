"""The dialects of messages, quirk by quirk (shared/data/README.md counts them)."""

from typing import Any

import pytest

from schemas.chat import Message
from tasks.stages.ingest.messages import chat_messages
from tasks.stages.ingest.reward import outcome
from tasks.stages.ingest.tools import tools_json
from tests.tasks.stages.ingest.builders import TOOL


def read(**fields: Any) -> Message:
    [found] = chat_messages([fields])
    return found


@pytest.mark.parametrize("fields", [{"content": None}, {"content": ""}, {}], ids=["null", "empty", "absent"])
def test_three_ways_of_no_content(fields: dict[str, Any]) -> None:
    assert read(role="assistant", tool_calls=None, **fields)["content"] == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"id":  17}', '{"id":  17}'),
        ({"name": "Zoë", "n": [1, 2]}, '{"name":"Zoë","n":[1,2]}'),
        ("{oops", "{oops"),
        (None, "{}"),
    ],
)
@pytest.mark.parametrize("form", ["wrapped", "flat", "old"])
def test_calls_in_every_form(form: str, arguments: Any, text: str) -> None:
    inner = {"name": "look", "arguments": arguments}
    fields: dict[str, Any] = {
        "wrapped": {"tool_calls": [{"id": "c1", "type": "function", "function": inner}]},
        "flat": {"tool_calls": [{"id": "c1", "requestor": "assistant", **inner}]},
        "old": {"function_call": inner},
    }[form]
    [call] = read(role="assistant", **fields)["tool_calls"]
    assert (call["name"], call["arguments"]) == ("look", text)
    assert call["id"] == ("" if form == "old" else "c1")


def test_text_and_calls_in_one_turn() -> None:
    call = {"name": "look", "arguments": "{}"}
    found = read(role="assistant", content="Let me see.", tool_calls=[call, call])
    assert (found["content"], len(found["tool_calls"])) == ("Let me see.", 2)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("human", "user"),
        ("gpt", "assistant"),
        ("ai", "assistant"),
        ("developer", "system"),
        ("function", "tool"),
        ("observation", "tool"),
    ],
)
def test_roles_by_other_names(name: str, role: str) -> None:
    assert read(role=name, content="x")["role"] == role
    assert chat_messages([{"from": name, "value": "x"}])[0] == read(role=name, content="x")


def test_typed_parts_with_reasoning_calls_and_cache_marks() -> None:
    parts = [
        {"type": "reasoning", "value": "They want both."},
        {"type": "text", "text": "One ", "cache_control": {"type": "ephemeral"}},
        {"type": "output_text", "text": "moment.", "value": None},
        {"type": "tool_call", "value": '{"name": "look", "arguments": {"id": 1}}'},
    ]
    found = read(role="assistant", content=parts)
    assert (found["reasoning"], found["content"]) == ("They want both.", "One moment.")
    assert found["tool_calls"] == [{"id": "", "name": "look", "arguments": '{"id":1}'}]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking", "thought"])
def test_reasoning_beside_the_content(key: str) -> None:
    assert read(role="assistant", content="It has.", **{key: "Hm."})["reasoning"] == "Hm."


def test_a_thought_that_is_part_of_the_content_is_no_reasoning() -> None:
    assert read(role="assistant", content="I look.\n```ls```", thought="I look.\n")["reasoning"] == ""


def test_a_think_block_that_opens_the_content() -> None:
    found = read(role="assistant", content="<think>\nHm.\n</think>\n\nIt has.")
    assert (found["reasoning"], found["content"]) == ("Hm.", "It has.")
    assert read(role="assistant", content="<think>never closed")["content"] == "<think>never closed"
    assert read(role="user", content="<think>a</think>b")["reasoning"] == ""


def test_actions_inside_text_stay_text() -> None:
    text = "I look.\n<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    assert read(role="assistant", content=text)["content"] == text
    assert read(role="assistant", content=text)["tool_calls"] == []


@pytest.mark.parametrize("content", [{"status": "shipped"}, [{"type": "reservation", "id": 1}], 17, True])
def test_results_that_are_json_stay_json(content: Any) -> None:
    assert read(role="tool", content=content)["content"].startswith(("{", "[", "17", "true"))


@pytest.mark.parametrize("key", ["tool_call_id", "call_id", "id"])
def test_the_id_of_a_result_under_every_name(key: str) -> None:
    assert read(role="tool", content="", **{key: "c1"})["tool_call_id"] == "c1"
    assert read(role="tool", content="", tool_call_ids=["c1"])["tool_call_id"] == "c1"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"reward": 1}, (1.0, True)),
        ({"reward": 0.0}, (0.0, False)),
        ({"reward": 0.5}, (0.5, False)),
        ({"reward": True}, (1.0, True)),
        ({"reward": "failure"}, (0.0, False)),
        ({"reward": "0.25"}, (0.25, False)),
        ({"reward_info": {"reward": 1.0}}, (1.0, True)),
        ({"task_success": "success"}, (1.0, True)),
        ({"success": False}, (0.0, False)),
        ({"win": True, "reward": 0.9}, (0.9, True)),
        ({"reward": None}, (None, None)),
        ({"reward": float("nan")}, (None, None)),
        ({"exit_status": "submitted"}, (None, None)),
    ],
)
def test_outcomes(record: dict[str, Any], expected: tuple[float | None, bool | None]) -> None:
    assert outcome(record) == expected


def test_tools_in_every_form_are_one_text() -> None:
    wrapped = {"type": "function", "function": TOOL}
    forms = [[wrapped], [TOOL], [{"type": "function", "strict": True, **TOOL}]]
    texts = {tools_json(form) for form in forms}
    assert len(texts) == 1
    assert tools_json(next(iter(texts))) in texts
    assert {tools_json(none) for none in (None, [], "", "[]")} == {""}
