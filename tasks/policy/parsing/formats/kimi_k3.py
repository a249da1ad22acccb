"""Kimi-K3: a response and a section of calls. Every argument says its type: text stands as it is, all else as JSON.

<|open|>response<|sep|>One moment.<|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="get_order" index="1"\
<|sep|><|open|>argument key="order_id" type="number"<|sep|>17<|close|>argument<|sep|><|close|>call<|sep|>\
<|close|>tools<|sep|><|close|>message<|sep|>
"""

from __future__ import annotations

import re
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.formats.command import response
from tasks.policy.parsing.literals import expect

_OPEN, _CLOSE, _END = "<|open|>", "<|close|>", "<|sep|>"


def _opening(tag: str, *attributes: str) -> re.Pattern[str]:
    inner = "".join(rf' {name}="([^"<]*)"' for name in attributes)
    return re.compile(rf"\s*{re.escape(_OPEN)}{tag}{inner}{re.escape(_END)}")


def _closing(tag: str) -> str:
    return f"{_CLOSE}{tag}{_END}"


_CALL, _ARGUMENT, _OBJECT = (
    _opening("call", "tool", "index"),
    _opening("argument", "key", "type"),
    _opening("json", "type"),
)
_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The response, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, bad_parameter.
    """
    rest = text.strip().removesuffix(_closing("message"))
    before, mark, section = rest.partition(f"{_OPEN}tools{_END}")
    if before.strip() and _closing("response") not in before:
        raise Malformed(ParseReason.UNCLOSED_CALL, f"the response is not closed: {quoted(before)}")
    content = without_marks(response(before, f"{_OPEN}response{_END}", _closing("response")), _OPEN, _CLOSE, _END)
    if not mark:
        return content, []
    calls: list[ToolCall] = []
    position = 0
    while call := _CALL.match(section, position):
        arguments, position = _arguments(section, call.end())
        calls.append(tool_call(_attribute(call[1]), arguments, len(calls)))
    end = expect(section, position, _closing("tools"))
    if not calls or section[end:].strip():
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{len(calls)} calls: {quoted(section)}")
    return content, calls


def _arguments(text: str, position: int) -> tuple[dict[str, Any], int]:
    """The arguments from `position` on, and where the call ends."""
    if whole := _OBJECT.match(text, position):
        value, end = _value(text, whole.end(), whole[1], "json")
        return value, expect(text, end, _closing("call"))
    arguments: dict[str, Any] = {}
    while argument := _ARGUMENT.match(text, position):
        key = _attribute(argument[1])
        if key in arguments:
            raise Malformed(ParseReason.BAD_PARAMETER, f"{key} stands twice")
        arguments[key], position = _value(text, argument.end(), argument[2], "argument")
    return arguments, expect(text, position, _closing("call"))


def _value(text: str, start: int, kind: str, tag: str) -> tuple[Any, int]:
    """The value of a type from `start` on, and where its tag ends."""
    closed = _closing(tag)
    if kind == "string":
        end = text.find(closed, start)
        if end < 0:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"{closed} is missing: {quoted(text[start:])}")
        return without_marks(text[start:end], _OPEN, _CLOSE), end + len(closed)
    value, end = json_value(text, start, closed)
    if not isinstance(value, _TYPES.get(kind, ())) or (kind == "number" and isinstance(value, bool)):
        raise Malformed(ParseReason.BAD_PARAMETER, f"no {kind}: {quoted(text[start:end])}")
    return value, expect(text, end, closed)


def _attribute(text: str) -> str:
    return text.replace("&quot;", '"').replace("&amp;", "&")


FORMAT = Format(read, ((f"{_OPEN}think{_END}", _closing("think")),))
