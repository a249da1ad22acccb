"""The dialects of messages, quirk by quirk."""

from typing import Any

import pytest

from schemas.chat import Message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Rejected
from tasks.stages.ingest.messages import chat_messages, is_message, split_thinking, tool_calls


def read(**fields: Any) -> Message:
    [message] = chat_messages([fields])
    return message


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
    message = read(role="assistant", content="Let me see.", tool_calls=[call, call])
    assert (message["content"], len(message["tool_calls"])) == ("Let me see.", 2)


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
    message = read(role="assistant", content=parts)
    assert (message["reasoning"], message["content"]) == ("They want both.", "One moment.")
    assert message["tool_calls"] == [{"id": "", "name": "look", "arguments": '{"id":1}'}]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking", "thought"])
def test_reasoning_beside_the_content(key: str) -> None:
    assert read(role="assistant", content="It has.", **{key: "Hm."})["reasoning"] == "Hm."


def test_a_thought_that_is_part_of_the_content_is_no_reasoning() -> None:
    assert read(role="assistant", content="I look.\n```ls```", thought="I look.\n")["reasoning"] == ""


def test_a_think_block_that_opens_the_content() -> None:
    message = read(role="assistant", content="<think>\nHm.\n</think>\n\nIt has.")
    assert (message["reasoning"], message["content"]) == ("Hm.", "It has.")
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


@pytest.mark.parametrize("key", ["role", "from"])
def test_what_looks_like_a_message(key: str) -> None:
    assert is_message({key: "user"})
    assert not is_message({key: 3}) and not is_message("user") and not is_message({key: "user", "messages": []})


def test_results_of_a_users_calls_are_left_out_and_those_of_the_agent_stay() -> None:
    call = {"id": "c1", "name": "look", "arguments": {}}
    items = [
        {"role": "user", "tool_calls": [call]},
        {"role": "tool", "id": "c1", "content": "the user's"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "id": "c1", "content": "the agent's"},
        {"role": "tool", "content": "of no call"},
    ]
    assert [message["content"] for message in chat_messages(items)] == ["", "the agent's", "of no call"]


@pytest.mark.parametrize("value", [None, "", "[]", [], {}])
def test_no_call_in_any_form_is_none(value: Any) -> None:
    assert tool_calls(value, 0) == []


@pytest.mark.parametrize("value", ["{", [{"name": ""}], ["look"], {"function": {"name": 3}}, 7])
def test_a_call_without_a_name_is_rejected_with_its_place(value: Any) -> None:
    with pytest.raises(Rejected, match="message 4: a call") as caught:
        tool_calls(value, 4)
    assert caught.value.reason is RejectReason.MALFORMED_CALL


def test_only_a_closed_block_at_the_beginning_is_thinking() -> None:
    assert split_thinking(" <think> a </think>\n b") == ("a", "b")
    assert split_thinking("b <think>a</think>") == ("", "b <think>a</think>")
