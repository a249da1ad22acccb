"""Firefunction, and Phi-4-mini as vLLM prompts it: text, then a JSON list of calls that ends the completion.

functools[{"name": "get_order", "arguments": {"order_id": 17}}]
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, named_call
from tasks.policy.parsing.completion import Format

_MARK = "functools"


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text before the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    # The word alone is no mark: a message may speak of Python's module.
    content, mark, rest = text.partition(f"{_MARK}[")
    if not mark:
        return text, []
    return content, listed_calls(mark + rest, _MARK, "", named_call)[1]


FORMAT = Format(read)
