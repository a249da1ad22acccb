"""The reader that the formats with tags share."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from schemas.chat import Action, FunctionSchema, ToolSchema
from tasks.policy.parsing import ParseFailure, ParseReason, parser_for
from tasks.policy.parsing.completion import Malformed
from tasks.policy.parsing.tagged import Tags, reader

ROUND = Tags(
    block="((",
    call=re.compile(r"\s*call (?P<name>\w+):"),
    parameter=re.compile(r"\s*(?P<name>\w+)=(?P<value>.*?);"),
    close_call="end",
    close_block="))",
    opens_parameter=("=",),
    value=lambda found, _: found["value"],
)
SEVERAL = replace(ROUND, several=True)
SQUARE = replace(ROUND, block="[[", close_block="]]")


def test_text_stands_around_and_white_space_between() -> None:
    around, calls = reader(ROUND)("a ((call f:x=1; y=2;\nend\n)) b ((call g:end)) c", ())
    assert around == "a  b  c"
    assert [(call["id"], call["name"], json.loads(call["arguments"])) for call in calls] == [
        ("call_0", "f", {"x": "1", "y": "2"}),
        ("call_1", "g", {}),
    ]


def test_a_block_holds_several_calls_only_where_the_format_says_so() -> None:
    text = "((call f:end call g:end))"
    assert [call["name"] for call in reader(SEVERAL)(text, ())[1]] == ["f", "g"]
    with pytest.raises(Malformed, match="expected"):
        reader(ROUND)(text, ())


def test_a_variant_is_told_by_its_block_and_is_not_mixed_with_another() -> None:
    read = reader(ROUND, SQUARE)
    assert len(read("[[call f:end]]", ())[1]) == len(read("((call f:end))", ())[1]) == 1
    for mixed in ("((call f:end))[[call f:end]]", "((call f:end]]", "]]"):
        with pytest.raises(Malformed):
            read(mixed, ())


@pytest.mark.parametrize("text", ["(( ))", "((call f:end)) (", "((call f:x=y=1;end))", "((call f:x=1;x=1;end))", "end"])
def test_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        reader(SEVERAL)(text, ())


def test_null_stands_for_an_optional_parameter_that_is_left_out() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["b"],
    }
    tools = (ToolSchema(type="function", function=FunctionSchema(name="f", parameters=parameters)),)

    def read(name: str) -> object:
        text = f"<tool_call>\n<function=f>\n<parameter={name}>\nNone\n</parameter>\n</function>\n</tool_call>"
        return parser_for("qwen3_coder")(text, tools=tools)

    optional, required = read("a"), read("b")
    assert isinstance(optional, Action) and optional.tool_calls[0]["arguments"] == '{"a": null}'
    assert isinstance(required, ParseFailure) and required.reason is ParseReason.BAD_PARAMETER
