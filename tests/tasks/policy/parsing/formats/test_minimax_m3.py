"""MiniMax M3: XML down to the innermost value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.chat import Action, ToolSchema
from tasks.policy.parsing import ParseFailure, ParseReason, parser_for
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "item": {"type": "array", "items": {"$ref": "#/$defs/Order"}},
        "note": {"type": "string"},
        "box": {"type": "object"},
    },
}
TOOLS: tuple[ToolSchema, ...] = (
    {"type": "function", "function": {"name": "f", "parameters": {**ORDER, "$defs": {"Order": ORDER}}}},
)


def marked(text: str) -> str:
    return text.replace("<", "]<]minimax[>[<")


def block(*calls: str) -> str:
    inner = "".join(f'<invoke name="f">{call}</invoke>\n' for call in calls)
    return marked(f"<tool_call>\n{inner}</tool_call>")


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"Now:{block('<n>17</n><s> 17</s>')}", "Now:", [{"n": 17, "s": " 17"}]),
        (block("", "<b>true</b><s></s><o></o>"), "", [{}, {"b": True, "s": "", "o": {}}]),
        (block("<s>MARKED</s>").replace("MARKED", "<b>\n</s>"), "", [{"s": "<b>\n</s>"}]),
        (block("<o><a><b>x</b></a><c>0.5</c></o>"), "", [{"o": {"a": {"b": "x"}, "c": 0.5}}]),
        (block("<o><a>\n<item>x</item>\n<item><item>y</item></item></a></o>"), "", [{"o": {"a": ["x", ["y"]]}}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("minimax_m3", text) == (content, arguments)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("<tags><item>1</item><item></item></tags>", {"tags": ["1", ""]}),
        ("<tags></tags>", {"tags": []}),
        (
            "<item><item><id>1</id><item></item></item><item><note>x</note></item></item>",
            {"item": [{"id": 1, "item": []}, {"note": "x"}]},
        ),
        ("<box><item>x</item></box>", {"box": {"item": "x"}}),
    ],
)
def test_the_schema_types_the_innermost_values(call: str, arguments: dict[str, Any]) -> None:
    action = parser_for("minimax_m3")(block(call), tools=TOOLS)
    assert isinstance(action, Action)
    assert json.loads(action.tool_calls[0]["arguments"]) == arguments


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (block(), ParseReason.UNCLOSED_CALL),
        (block("<n>17</n>").removesuffix(marked("</tool_call>")), ParseReason.UNCLOSED_CALL),
        (block("<n>17</n>").removeprefix(marked("<tool_call>")), ParseReason.UNCLOSED_CALL),
        (block("<n>17</n>").replace("</n>", ""), ParseReason.UNCLOSED_CALL),
        (block("<n>17</s>"), ParseReason.UNCLOSED_CALL),
        (block("<n>17</n> and"), ParseReason.UNCLOSED_CALL),
        (block("<o>and <a>17</a></o>"), ParseReason.UNCLOSED_CALL),
        (block("<o><a>17</a> and</o>"), ParseReason.UNCLOSED_CALL),
        (block("", "").replace("</invoke>", "</invoke> and", 1), ParseReason.UNCLOSED_CALL),
        (block("") + "]<]mini", ParseReason.UNCLOSED_CALL),
        (block("") + block(""), ParseReason.UNCLOSED_CALL),
        ('<tool_call>\n<invoke name="f"></invoke>\n]<]minimax[>[</tool_call>', ParseReason.UNCLOSED_CALL),
        (block("<n>17</n><n>17</n>"), ParseReason.BAD_PARAMETER),
        (block("<o><a>1</a><a>2</a></o>"), ParseReason.BAD_PARAMETER),
        (block("<n>many</n>"), ParseReason.BAD_PARAMETER),
        (block("<n></n>"), ParseReason.BAD_PARAMETER),
        (block("<n><a>1</a></n>"), ParseReason.BAD_PARAMETER),
        (block("<o>17</o>"), ParseReason.BAD_PARAMETER),
        (block("<o>" + "<a>" * 70 + "</a>" * 70 + "</o>"), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("minimax_m3", text) is reason


def test_a_list_holds_items_only() -> None:
    failure = parser_for("minimax_m3")(block("<tags><item>a</item><b>c</b></tags>"), tools=TOOLS)
    assert isinstance(failure, ParseFailure) and failure.reason is ParseReason.BAD_PARAMETER


def test_reasoning_has_marks_of_its_own() -> None:
    action = parser_for("minimax_m3")(f"<mm:think>Hm.</mm:think>{SAMPLES['minimax_m3'][0]}")
    assert isinstance(action, Action) and action.reasoning == "Hm." and action.tool_calls
