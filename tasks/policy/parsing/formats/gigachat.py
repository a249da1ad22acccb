"""GigaChat 3.1: text, then one call that ends the completion.

<|function_call|>{"name": "get_order", "arguments": {"order_id": 17}}
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, named_call
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text before the call, and the call.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    content, mark, rest = text.partition("<|function_call|>")
    if not mark:
        return content, []
    value, end = json_value(rest, 0)
    if rest[end:].strip():
        raise Malformed(ParseReason.UNCLOSED_CALL, f"text after the call: {quoted(rest[end:])}")
    return content, [named_call(value, 0)]


FORMAT = Format(read)
