"""Llama 3 JSON: a completion is text, or only calls with semicolons between them.

    {"name": "get_order", "parameters": {"order_id": 17}}; {"name": "get_user", "parameters": {"user_id": "u1"}}

`<|python_tag|>` may stand in front. A completion that begins with a brace is meant as a call and must be one.
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.hermes import call
from tasks.policy.parsing.json_text import json_at

_TAG = "<|python_tag|>"
_ENDS = ("<|eom_id|>", "<|eot_id|>")


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text and no call, or the calls and no text.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    rest = text.strip()
    for end in _ENDS:
        rest = rest.removesuffix(end).rstrip()
    tagged = rest.startswith(_TAG)
    rest = rest.removeprefix(_TAG).strip()
    if _TAG in rest:
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{_TAG} after text: {quoted(rest)}")
    if not tagged and not rest.startswith("{"):
        return rest, []
    calls: list[ToolCall] = []
    position = 0
    while True:
        try:
            value, end_of_call = json_at(rest, position)
        except ValueError as error:
            raise Malformed(ParseReason.BAD_JSON, f"call {len(calls)}: {error}: {quoted(rest[position:])}") from error
        if isinstance(value, dict) and value.get("type") == "function":
            del value["type"]
        calls.append(call(value, "parameters", len(calls)))
        after = rest[end_of_call:].lstrip()
        if not after:
            return "", calls
        if not after.startswith(";"):
            raise Malformed(ParseReason.UNCLOSED_CALL, f"text after call {len(calls) - 1}: {quoted(after)}")
        position = len(rest) - len(after) + 1


FORMAT = Format(read)
