"""Phi-4-mini: text, then a JSON list of calls between marks.

<|tool_call|>[{"name": "get_order", "arguments": {"order_id": 17}}]<|/tool_call|>

A call may stand inside `{"type": "function", "function": ...}`.
"""

from __future__ import annotations

from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, named_call
from tasks.policy.parsing.completion import Format


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return listed_calls(text, "<|tool_call|>", "<|/tool_call|>", _call)


def _call(value: Any, position: int) -> ToolCall:
    wrapped = isinstance(value, dict) and set(value) == {"type", "function"} and value["type"] == "function"
    return named_call(value["function"] if wrapped else value, position)


FORMAT = Format(read)
