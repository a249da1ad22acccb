"""Hermes (Qwen 2.5 and 3): text, and calls as JSON between tags.

<tool_call>
{"name": "get_order", "arguments": {"order_id": 17}}
</tool_call>
"""

from __future__ import annotations

from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import json_at, json_text

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    outside: list[str] = []
    calls: list[ToolCall] = []
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        outside.append(text[position:start])
        try:
            # The JSON decides where a call ends: a closing tag may stand inside one of its strings.
            value, end = json_at(text, start + len(OPEN))
        except ValueError as error:
            block = text[start + len(OPEN) :]
            reason = ParseReason.BAD_JSON if CLOSE in block else ParseReason.UNCLOSED_CALL
            raise Malformed(reason, f"call {len(calls)}: {error}: {quoted(block)}") from error
        closing = text.find(CLOSE, end)
        if closing < 0 or text[end:closing].strip():
            raise Malformed(ParseReason.UNCLOSED_CALL, f"call {len(calls)}: {quoted(text[start:])}")
        calls.append(call(value, "arguments", len(calls)))
        position = closing + len(CLOSE)
    outside.append(text[position:])
    around = "".join(outside)
    if CLOSE in around:
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(around))
    return around, calls


def call(value: Any, arguments_key: str, position: int) -> ToolCall:
    """The call in a JSON value that must be exactly `{"name": text, arguments_key: object}`.

    Raises:
        Malformed: not_a_call.
    """
    shaped = isinstance(value, dict) and set(value) == {"name", arguments_key}
    if not shaped or not isinstance(value["name"], str) or not isinstance(value[arguments_key], dict):
        raise Malformed(ParseReason.NOT_A_CALL, f"call {position}: {quoted(json_text(value))}")
    return ToolCall(id=f"call_{position}", name=value["name"], arguments=json_text(value[arguments_key]))


FORMAT = Format(read)
