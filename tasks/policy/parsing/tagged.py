"""Calls between tags whose parameters are plain text: the reader that qwen3_coder, glm and others share.

    <tool_call>              opens a block
    <function=get_order>     opens a call
    <parameter=order_id>
    17
    </parameter>             a parameter, whole
    </function>              closes the call
    </tool_call>             closes the block

White space may stand between these parts, and nothing else. A value ends at the first tag that closes a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Malformed, ParseReason, Read, ends_in_part_of, quoted
from tasks.policy.parsing.json_text import json_text
from tasks.policy.tool_schemas import UNKNOWN, Parameters, json_types, parameters_by_tool

Value = Callable[[re.Match[str], Mapping[str, Any]], Any]
"""From a parameter as it was found, and its schema, to its value. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of one format. A tag that the format does not have is ""."""

    block: str
    """What opens a block."""
    call: re.Pattern[str]
    """What opens a call; the group `name` is the tool's."""
    parameter: re.Pattern[str]
    """A parameter, whole; the groups are its `name` and its `value`."""
    close_call: str
    close_block: str
    opens_parameter: tuple[str, ...]
    """Inside a value these show that the tag that closes it is missing."""
    value: Value
    several: bool = False
    """Whether a block holds several calls."""
    others: tuple[str, ...] = ()
    """Further tags of the format."""

    @property
    def all(self) -> tuple[str, ...]:
        """Every tag. None may stand outside a call."""
        return tuple(filter(None, (self.block, self.close_call, self.close_block, *self.opens_parameter, *self.others)))


def reader(*variants: Tags) -> Read:
    """How the format with these tags is read. Of several variants the one counts whose block the completion opens."""
    strays = tuple({tag for variant in variants for tag in variant.all})

    def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
        tags = next((variant for variant in variants if variant.block in text), variants[0])
        around, calls = _read(text, tools, tags)
        if any(stray in around for stray in strays):
            raise Malformed(ParseReason.UNCLOSED_CALL, quoted(around))
        return around, calls

    return read


def _read(text: str, tools: tuple[ToolSchema, ...], tags: Tags) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    parameters = parameters_by_tool(tools)
    outside: list[str] = []
    calls: list[ToolCall] = []
    position = 0
    while (start := text.find(tags.block, position)) >= 0:
        outside.append(text[position:start])
        position = start + len(tags.block)
        before = len(calls)
        while (tags.several or len(calls) == before) and (call := tags.call.match(text, position)):
            known = parameters.get(call["name"], UNKNOWN)
            arguments, position = _arguments(text, call.end(), tags, known)
            calls.append(ToolCall(id=f"call_{len(calls)}", name=call["name"], arguments=json_text(arguments)))
        if len(calls) == before:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"call {before}: {quoted(text[start:])}")
        position = after(tags.close_block, text, position)
    outside.append(text[position:])
    if calls and ends_in_part_of(tags.block, text):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(text[position:]))
    return "".join(outside), calls


def _arguments(text: str, position: int, tags: Tags, parameters: Parameters) -> tuple[dict[str, Any], int]:
    """The parameters from `position` on, and where the call ends."""
    arguments: dict[str, Any] = {}
    while parameter := tags.parameter.match(text, position):
        name, value = parameter["name"], parameter["value"]
        if any(tag in value for tag in tags.opens_parameter):
            raise Malformed(ParseReason.UNCLOSED_CALL, f"parameter {name} is not closed: {quoted(value)}")
        if name in arguments:
            raise Malformed(ParseReason.BAD_PARAMETER, f"parameter {name} stands twice")
        try:
            arguments[name] = tags.value(parameter, _schema(parameters, name))
        except ValueError as error:
            raise Malformed(ParseReason.BAD_PARAMETER, f"{name}: {error}: {quoted(value)}") from error
        position = parameter.end()
    return arguments, after(tags.close_call, text, position)


def _schema(parameters: Parameters, name: str) -> Mapping[str, Any]:
    """What a parameter may be. Null stands for an optional one that is left out, unless it could be a text."""
    schema = parameters.schema(name)
    types = json_types(schema)
    return {**schema, "nullable": True} if types and "string" not in types and parameters.optional(name) else schema


def after(tag: str, text: str, position: int) -> int:
    """Where the tag ends that comes next, but for white space.

    Raises:
        Malformed: unclosed_call.
    """
    if not tag:
        return position
    start = text.find(tag, position)
    if start < 0 or text[position:start].strip():
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{tag} expected: {quoted(text[position:])}")
    return start + len(tag)
