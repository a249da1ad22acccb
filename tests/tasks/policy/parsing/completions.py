"""A tool, a call of it, and how a completion is read."""

from __future__ import annotations

import json
from typing import Any

from schemas.chat import Action, ToolSchema
from tasks.policy.parsing import ParseFailure, ParseReason, parser_for

TOOLS: tuple[ToolSchema, ...] = (
    {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {
                    "n": {"type": "integer"},
                    "s": {"type": "string"},
                    "b": {"type": "boolean"},
                    "o": {"type": "object"},
                    "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
        },
    },
)
HERMES = '<tool_call>\n{"name": "f", "arguments": {"n": 1}}\n</tool_call>'


def called(parser: str, text: str) -> tuple[str, list[dict[str, Any]]]:
    """(content, arguments of each call of f); the calls have ids of their own."""
    action = parser_for(parser)(text, tools=TOOLS)
    assert isinstance(action, Action), action
    assert {call["name"] for call in action.tool_calls} <= {"f"}
    assert len({call["id"] for call in action.tool_calls}) == len(action.tool_calls)
    return action.content, [json.loads(call["arguments"]) for call in action.tool_calls]


def refusal(parser: str, text: str) -> ParseReason:
    """Why the completion is no action."""
    failure = parser_for(parser)(text, tools=TOOLS)
    assert isinstance(failure, ParseFailure), failure
    return failure.reason
