"""MiniMax-M1: text, then calls as JSON between tags, one in each line.

<tool_calls>
{"name": "get_order", "arguments": {"order_id": 17}}
</tool_calls>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import calls_in_lines, json_value, named_call
from tasks.policy.parsing.completion import Format

_OPEN, _CLOSE = "<tool_calls>", "</tool_calls>"


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return calls_in_lines(text, _OPEN, _CLOSE, _call_at)


def _call_at(text: str, start: int, position: int) -> tuple[ToolCall, int]:
    value, end = json_value(text, start, _CLOSE)
    return named_call(value, position), end


FORMAT = Format(read)
