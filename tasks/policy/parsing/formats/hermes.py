"""Hermes (Qwen 2.5 and 3): text, and calls as JSON between tags.

<tool_call>
{"name": "get_order", "arguments": {"order_id": 17}}
</tool_call>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import named_call
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, ends_in_part_of, quoted
from tasks.policy.parsing.json_text import json_at

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
        calls.append(named_call(value, len(calls)))
        position = closing + len(CLOSE)
    outside.append(text[position:])
    around = "".join(outside)
    if CLOSE in around or (calls and ends_in_part_of(OPEN, text)):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(around))
    return around, calls


FORMAT = Format(read)
