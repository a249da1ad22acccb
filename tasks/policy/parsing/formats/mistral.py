"""Mistral: text, then calls, in the older form (one JSON list) or the newer (name and arguments, call by call).

[TOOL_CALLS][{"name": "get_order", "arguments": {"order_id": 17}}]
[TOOL_CALLS]get_order[ARGS]{"order_id": 17}[TOOL_CALLS]get_user[ARGS]{"user_id": "u1"}
"""

from __future__ import annotations

import re
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, listed_calls, named_call, tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.literals import expect

_MARK = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*([\w.\-]+)(?:\[CALL_ID\][\w\-]+)?\[ARGS\]")


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text before the calls, and the calls.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    content, mark, rest = text.partition(_MARK)
    without_marks(content, "[ARGS]", "[CALL_ID]")
    if not mark:
        return content, []
    if rest.lstrip().startswith("["):
        return content, listed_calls(mark + rest, _MARK, "", _listed_call)[1]
    calls: list[ToolCall] = []
    position = 0
    while named := _NAMED.match(rest, position):
        value, end = json_value(rest, named.end())
        calls.append(tool_call(named[1], value, len(calls)))
        if not rest[end:].strip():
            return content, calls
        position = expect(rest, end, _MARK)
    raise Malformed(ParseReason.UNCLOSED_CALL, f"call {len(calls)}: {quoted(rest[position:]) or 'nothing follows'}")


def _listed_call(value: Any, position: int) -> ToolCall:
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        del value["id"]
    return named_call(value, position)


FORMAT = Format(read)
