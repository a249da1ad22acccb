"""Llama 4 JSON: text between marks, then calls; or only text; or only calls. Models also write `pythonic` calls.

<|python_start|>One moment.<|python_end|>{"name": "get_order", "parameters": {"order_id": 17}}
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, meant_as_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.formats.llama3 import OBJECT, calls_in

_START, _END = "<|python_start|>", "<|python_end|>"


def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text, and the calls.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    rest = text.strip()
    if rest.startswith(_START):
        content, mark, calls = rest.removeprefix(_START).partition(_END)
        if not mark:
            raise Malformed(ParseReason.UNCLOSED_CALL, quoted(rest))
        return without_marks(content, _START), calls_in(calls, "")
    without_marks(rest, _START, _END)
    if OBJECT.match(rest) and meant_as_call(json_value(rest, 0)[0], tools):
        return "", calls_in(rest, "")
    return text, []


FORMAT = Format(read)
