"""Mistral: text, then calls, in the older form (one JSON list) or the newer (name and arguments, call by call).

[TOOL_CALLS][{"name": "get_order", "arguments": {"order_id": 17}}]
[TOOL_CALLS]get_order[ARGS]{"order_id": 17}[TOOL_CALLS]get_user[ARGS]{"user_id": "u1"}
"""

from __future__ import annotations

import re
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.hermes import call
from tasks.policy.parsing.json_text import json_at

_MARK = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*([\w.\-]+)(?:\[CALL_ID\][\w\-]+)?\[ARGS\]")


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text before the calls, and the calls.

    Raises:
        Malformed: bad_json, not_a_call, unclosed_call.
    """
    content, mark, rest = text.partition(_MARK)
    if not mark:
        if "[ARGS]" in text:
            raise Malformed(ParseReason.UNCLOSED_CALL, quoted(text))
        return text, []
    calls: list[ToolCall] = []
    if rest.lstrip().startswith("["):
        values, end = _json(rest, 0)
        for value in values:
            if isinstance(value, dict):
                value.pop("id", None)
            calls.append(call(value, "arguments", len(calls)))
    else:
        end = 0
        while named := _NAMED.match(rest, end):
            value, end = _json(rest, named.end())
            calls.append(call({"name": named[1], "arguments": value}, "arguments", len(calls)))
            if rest.startswith(_MARK, end):
                end += len(_MARK)
    if not calls or rest[end:].strip() or rest[:end].endswith(_MARK):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(rest[end:] or rest))
    return content, calls


def _json(text: str, start: int) -> tuple[Any, int]:
    try:
        return json_at(text, start)
    except ValueError as error:
        raise Malformed(ParseReason.BAD_JSON, f"{error}: {quoted(text[start:])}") from error


FORMAT = Format(read)
