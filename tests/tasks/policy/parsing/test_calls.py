"""From values to calls, and calls between marks."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat import ToolCall
from tasks.policy.parsing import Malformed
from tasks.policy.parsing.calls import calls_in_lines, listed_calls, meant_as_call, named_call, tool_call
from tests.tasks.policy.parsing.completions import TOOLS


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"name": "f", "arguments": {}}, True),
        ({"name": "f", "parameters": 3, "id": 1}, True),
        ({"name": "Ann", "age": 3}, False),
        ({"arguments": {}}, False),
        (["name", "arguments"], False),
    ],
)
def test_json_with_a_name_and_arguments_is_meant_as_a_call(value: Any, meant: bool) -> None:
    assert meant_as_call(value, ()) is meant
    assert meant_as_call(value, TOOLS) is meant, "f is a tool"


def test_json_that_names_none_of_the_states_tools_is_a_message() -> None:
    ada = {"name": "Ada", "parameters": {"age": 3}}
    assert meant_as_call(ada, ()) and not meant_as_call(ada, TOOLS)


def test_a_call_is_numbered_by_its_position_and_its_arguments_are_json() -> None:
    assert named_call({"name": "f", "arguments": {"s": "é"}}, 2) == {
        "id": "call_2",
        "name": "f",
        "arguments": '{"s": "é"}',
    }


@pytest.mark.parametrize("text", ["<c>", "<c>[]", "</c>", "<c></c>", "<c>[1]</c>", "<c>[1]", "<c>[1]x</c>", "<c>[1]<"])
def test_every_failure_says_what_was_wrong(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        listed_calls(text, "<c>", "</c>", named_call)
    assert refused.value.failure.detail.strip()


def test_calls_in_lines_need_a_line_each() -> None:
    def call_at(text: str, start: int, position: int) -> tuple[ToolCall, int]:
        return tool_call(text[start], {}, position), start + 1

    around, calls = calls_in_lines("a<c>\nf\ng\n</c>b", "<c>", "</c>", call_at)
    assert (around, [call["name"] for call in calls]) == ("ab", ["f", "g"])
    with pytest.raises(Malformed, match="after call 0"):
        calls_in_lines("<c>\nf g\n</c>", "<c>", "</c>", call_at)
