"""Nemotron-Nano-v2: text, then a JSON list of calls between tags.

<TOOLCALL>[{"name": "get_order", "arguments": {"order_id": 17}}]</TOOLCALL>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, named_call
from tasks.policy.parsing.completion import Format


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return listed_calls(text, "<TOOLCALL>", "</TOOLCALL>", named_call)


FORMAT = Format(read)
