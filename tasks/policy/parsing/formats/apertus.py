"""Apertus: text, then a JSON list of calls, each an object from the tool's name to its arguments.

<|tools_prefix|>[{"get_order": {"order_id": 17}}]<|tools_suffix|>

Its last mark is a stop token of the models. Then it is no part of the completion.
"""

from __future__ import annotations

from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import json_text

_OPEN, _CLOSE = "<|tools_prefix|>", "<|tools_suffix|>"


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    rest = text.rstrip().removesuffix(_CLOSE) if _OPEN in text else text
    return listed_calls(without_marks(rest, _CLOSE), _OPEN, "", _call)


def _call(value: Any, position: int) -> ToolCall:
    if not isinstance(value, dict) or len(value) != 1:
        raise Malformed(ParseReason.NOT_A_CALL, f"call {position}: {quoted(json_text(value))}")
    [(name, arguments)] = value.items()
    return tool_call(name, arguments, position)


FORMAT = Format(read, (("<|inner_prefix|>", "<|inner_suffix|>"),))
