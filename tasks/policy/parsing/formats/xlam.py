"""xLAM-2: a completion is text, or only a JSON list of calls.

[{"name": "get_order", "arguments": {"order_id": 17}}]

A list of other JSON is text.
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, meant_as_call, named_call
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import json_at

_BEGUN = re.compile(r'\[\s*\{\s*(?:"|\Z)')
"""How a list of objects begins. One that breaks off is no text."""


def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text and no call, or the calls and no text.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    rest = text.strip()
    if _BEGUN.match(rest):
        values, end = json_value(rest, 0)
    else:
        try:
            values, end = json_at(rest, 0)
        except ValueError:
            return text, []
    if not isinstance(values, list) or not any(meant_as_call(value, tools) for value in values):
        return text, []
    if rest[end:].strip():
        raise Malformed(ParseReason.UNCLOSED_CALL, f"text after the calls: {quoted(rest[end:])}")
    return "", [named_call(value, position) for position, value in enumerate(values)]


FORMAT = Format(read)
