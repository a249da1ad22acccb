"""Granite 3: text, then a JSON list of calls that ends the completion.

<|tool_call|>[{"name": "get_order", "arguments": {"order_id": 17}}]

Where it thinks, it writes its text between `<response>` tags.
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, named_call
from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.command import response


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text before the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    content, calls = listed_calls(text, "<|tool_call|>", "", named_call)
    return response(content, "<response>", "</response>"), calls


FORMAT = Format(read)
