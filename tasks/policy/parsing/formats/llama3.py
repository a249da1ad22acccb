"""Llama 3 JSON: a completion is text, or only calls with semicolons between them.

    {"name": "get_order", "parameters": {"order_id": 17}}; {"name": "get_user", "parameters": {"user_id": "u1"}}

`<|python_tag|>` may stand in front. A completion that is other JSON is text.
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import call, json_value, meant_as_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted

_TAG = "<|python_tag|>"
_ENDS = ("<|eom_id|>", "<|eot_id|>")
OBJECT = re.compile(r'\{\s*(?:"|\Z)')
"""How an object begins. `{x | x > 0}` is text."""


def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text and no call, or the calls and no text.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    rest = text.strip()
    for end in _ENDS:
        rest = rest.removesuffix(end).rstrip()
    tagged = rest.startswith(_TAG)
    rest = without_marks(rest.removeprefix(_TAG).strip(), _TAG)
    if not tagged and not (OBJECT.match(rest) and meant_as_call(json_value(rest, 0)[0], tools)):
        return rest, []
    return "", calls_in(rest, ";")


def calls_in(text: str, separator: str) -> list[ToolCall]:
    """The calls in a text that holds nothing else.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    calls: list[ToolCall] = []
    position = 0
    while True:
        value, end = json_value(text, position)
        if isinstance(value, dict) and value.get("type") == "function":
            del value["type"]
        calls.append(call(value, "parameters", len(calls)))
        after = text[end:].lstrip()
        if not after:
            return calls
        if not after.startswith(separator):
            raise Malformed(ParseReason.UNCLOSED_CALL, f"text after call {len(calls) - 1}: {quoted(after)}")
        position = len(text) - len(after) + len(separator)


FORMAT = Format(read)
