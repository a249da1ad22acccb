"""Apriel: text, then a JSON list of calls between tags. Jamba writes its calls alike.

<tool_calls>[{"name": "get_order", "arguments": {"order_id": 17}}]</tool_calls>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, named_call
from tasks.policy.parsing.completion import THINK, Format


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return listed_calls(text, "<tool_calls>", "</tool_calls>", named_call)


FORMAT = Format(read, (*THINK, ("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]")))
