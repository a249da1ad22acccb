"""Qwen3-Coder: calls as XML whose parameters are plain text, typed by the tool's schema.

    <tool_call>
    <function=get_order>
    <parameter=order_id>
    17
    </parameter>
    </function>
    </tool_call>

vLLM's parser of this format drops a parameter without a closing tag, and takes the text of one that is no value of its
type. Here both are failures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.hermes import CLOSE, OPEN
from tasks.policy.parsing.json_text import json_text, strict_json
from tasks.policy.tool_schemas import UNKNOWN, json_types, parameters_by_tool

_FUNCTION = re.compile(r"\s*<function=([^\s<>]+)>")
_PARAMETER = re.compile(r"\s*<parameter=([^\s<>]+)>")
_END = re.compile(r"\s*</function>\s*" + re.escape(CLOSE))
_CLOSED = "</parameter>"
_STRAY = (CLOSE, "<function=", "</function>", "<parameter=", _CLOSED)


def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    parameters = parameters_by_tool(tools)
    outside: list[str] = []
    calls: list[ToolCall] = []
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        outside.append(text[position:start])
        function = _FUNCTION.match(text, start + len(OPEN))
        if function is None:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"call {len(calls)}: {quoted(text[start:])}")
        properties = parameters.get(function[1], UNKNOWN).properties
        arguments, position = _parameters(text, function.end(), properties)
        calls.append(ToolCall(id=f"call_{len(calls)}", name=function[1], arguments=json_text(arguments)))
    outside.append(text[position:])
    around = "".join(outside)
    if any(mark in around for mark in _STRAY):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(around))
    return around, calls


def _parameters(text: str, position: int, properties: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The parameters from `position` on, and where the call ends."""
    arguments: dict[str, Any] = {}
    while parameter := _PARAMETER.match(text, position):
        name, end = parameter[1], text.find(_CLOSED, parameter.end())
        value = text[parameter.end() : end]
        if end < 0 or "<parameter=" in value:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"parameter {name} is not closed: {quoted(value)}")
        if name in arguments:
            raise Malformed(ParseReason.BAD_PARAMETER, f"parameter {name} stands twice")
        arguments[name] = _value(value.removeprefix("\n").removesuffix("\n"), name, properties.get(name, {}))
        position = end + len(_CLOSED)
    closed = _END.match(text, position)
    if closed is None:
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(text[position:]))
    return arguments, closed.end()


def _value(text: str, name: str, schema: Mapping[str, Any]) -> Any:
    """The value that a parameter's text stands for. It is text where the schema gives the parameter no type."""
    types = json_types(schema)
    if not types or "string" in types:
        return None if text == "null" and "null" in types else text
    if types == {"boolean"} and text in ("True", "False"):  # some templates write booleans as Python does
        return text == "True"
    try:
        return strict_json(text)
    except ValueError as error:
        expected = " or ".join(sorted(types))
        raise Malformed(ParseReason.BAD_PARAMETER, f"{name} is no {expected}: {quoted(text)}") from error


FORMAT = Format(read)
