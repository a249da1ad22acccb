"""MiniMax M3: one block of calls in XML, down to the innermost value. A mark stands before every tag.

    ]<]minimax[>[<tool_call>
    ]<]minimax[>[<invoke name="get_orders">]<]minimax[>[<ids>
    ]<]minimax[>[<item>17]<]minimax[>[</item>
    ]<]minimax[>[</ids>]<]minimax[>[</invoke>
    ]<]minimax[>[</tool_call>

A list is elements named `item`, an object elements named by its keys. The schema types what stands in the innermost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, ends_in_part_of, quoted
from tasks.policy.parsing.json_text import DEEPEST, json_text
from tasks.policy.parsing.tagged import after
from tasks.policy.parsing.typed_value import json_or_python, typed_value
from tasks.policy.tool_schemas import UNKNOWN, item_schema, json_types, parameters_by_tool, property_schema

_MARK = "]<]minimax[>["
_OPEN, _CLOSE = f"{_MARK}<tool_call>", f"{_MARK}</tool_call>"
_INVOKE = re.compile(rf"\s*{re.escape(_MARK)}<invoke name=\"(?P<name>[^\s<>\"]+)\">")
_ELEMENT = re.compile(rf"\s*{re.escape(_MARK)}<(?P<name>[^<>/\"\n][^<>\"\n]*)>")
_ITEM = "item"
_Elements = list[tuple[str, Any]]


def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    parameters = parameters_by_tool(tools)
    content, opened, block = text.partition(_OPEN)
    calls: list[ToolCall] = []
    position = 0
    while call := _INVOKE.match(block, position):
        properties = parameters.get(call["name"], UNKNOWN).properties
        elements, position = _elements(block, call.end(), {"type": "object", "properties": properties}, 1)
        position = after(f"{_MARK}</invoke>", block, position)
        calls.append(ToolCall(id=f"call_{len(calls)}", name=call["name"], arguments=json_text(_object(elements))))
    if opened:
        if not calls:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"no call: {quoted(block)}")
        position = after(_CLOSE, block, position)
    around = content + block[position:]
    if _MARK in around or (calls and ends_in_part_of(_OPEN, text)):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(around))
    return around, calls


def _elements(text: str, position: int, schema: Mapping[str, Any], depth: int) -> tuple[_Elements, int]:
    """The elements (name, value) from `position` on, and where the last ends. `schema` is that of what holds them."""
    if depth > DEEPEST:
        raise Malformed(ParseReason.BAD_PARAMETER, f"nested deeper than {DEEPEST} levels")
    elements: _Elements = []
    while element := _ELEMENT.match(text, position):
        name = element["name"]
        inner = item_schema(schema) if name == _ITEM and _may_be(schema, "array") else property_schema(schema, name)
        value, position = _value(text, element.end(), name, inner, depth)
        elements.append((name, value))
    return elements, position


def _value(text: str, position: int, name: str, schema: Mapping[str, Any], depth: int) -> tuple[Any, int]:
    """The value of the element whose tag ends at `position`, and where the element ends."""
    close = f"{_MARK}</{name}>"
    elements, end = _elements(text, position, schema, depth + 1)
    if elements:
        end = after(close, text, end)
        if _may_be(schema, "array") and {inner for inner, _ in elements} == {_ITEM}:
            return [value for _, value in elements], end
        if not _may_be(schema, "object"):
            raise Malformed(ParseReason.BAD_PARAMETER, f"{name} is no object: {quoted(text[position:end])}")
        return _object(elements), end
    end = text.find(_MARK, position)
    if end < 0 or not text.startswith(close, end):
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{name} is not closed: {quoted(text[position:])}")
    try:
        return _leaf(text[position:end], schema), end + len(close)
    except ValueError as error:
        raise Malformed(ParseReason.BAD_PARAMETER, f"{name}: {error}: {quoted(text[position:end])}") from error


def _leaf(text: str, schema: Mapping[str, Any]) -> Any:
    """The value of an element that holds a text. Without a text it may be an empty list, an empty object, or null."""
    types = json_types(schema)
    if not text and types and "string" not in types:
        for kind, empty in (("array", []), ("object", {}), ("null", None)):
            if kind in types:
                return empty
    return typed_value(text, schema, json_or_python)


def _object(elements: _Elements) -> dict[str, Any]:
    value = dict(elements)
    if len(value) < len(elements):
        raise Malformed(ParseReason.BAD_PARAMETER, f"an element stands twice: {quoted(json_text(elements))}")
    return value


def _may_be(schema: Mapping[str, Any], kind: str) -> bool:
    types = json_types(schema)
    return not types or kind in types


FORMAT = Format(read, reasoning=(("<mm:think>", "</mm:think>"),))
