"""What formats share: from a value to a call, and calls as JSON between marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import json_at, json_text
from tasks.policy.parsing.literals import expect, skip_space
from tasks.policy.tool_schemas import parameters_by_tool

ReadCall = Callable[[Any, int], ToolCall]
"""From a JSON value and its position among the calls to a call. Raises Malformed."""


def tool_call(name: str, arguments: Any, position: int) -> ToolCall:
    """The call of a tool with a JSON object of arguments.

    Raises:
        Malformed: not_a_call for arguments that are no object, or a tool without a name.
    """
    if not name or not isinstance(arguments, dict):
        raise Malformed(ParseReason.NOT_A_CALL, f"call {position} of {name!r}: {quoted(json_text(arguments))}")
    return ToolCall(id=f"call_{position}", name=name, arguments=json_text(arguments))


def call(value: Any, arguments_key: str, position: int) -> ToolCall:
    """The call in a JSON value that must be exactly `{"name": text, arguments_key: object}`.

    Raises:
        Malformed: not_a_call.
    """
    shaped = isinstance(value, dict) and set(value) == {"name", arguments_key}
    if not shaped or not isinstance(value["name"], str):
        raise Malformed(ParseReason.NOT_A_CALL, f"call {position}: {quoted(json_text(value))}")
    return tool_call(value["name"], value[arguments_key], position)


def named_call(value: Any, position: int) -> ToolCall:
    """The call in `{"name": text, "arguments": object}`.

    Raises:
        Malformed: not_a_call.
    """
    return call(value, "arguments", position)


def meant_as_call(value: Any, tools: tuple[ToolSchema, ...]) -> bool:
    """Whether JSON without marks is a call, be it malformed, and no message that happens to be JSON.

    It is a message where the state has tools and it names none of them.
    """
    if not isinstance(value, dict) or "name" not in value or not ("arguments" in value or "parameters" in value):
        return False
    return not tools or value["name"] in parameters_by_tool(tools)


def json_value(text: str, start: int, closed: str = "") -> tuple[Any, int]:
    """The JSON value at `start`, and where it ends.

    Raises:
        Malformed: bad_json; unclosed_call where the mark `closed` must follow and does not.
    """
    try:
        return json_at(text, start)
    except ValueError as error:
        reason = ParseReason.BAD_JSON if closed in text[start:] else ParseReason.UNCLOSED_CALL
        raise Malformed(reason, f"{error}: {quoted(text[start:])}") from error


def listed_calls(text: str, opened: str, closed: str, read_call: ReadCall) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls: one JSON list between two marks. Without `closed` it ends the text.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    before, mark, block = text.partition(opened)
    if not mark:
        return without_marks(text, opened, closed), []
    values, end = json_value(block, 0, closed)
    if not isinstance(values, list) or not values:
        raise Malformed(ParseReason.NOT_A_CALL, f"no list of calls: {quoted(block)}")
    after = block[end:].lstrip()
    if not after.startswith(closed) or (after and not closed):
        raise Malformed(ParseReason.UNCLOSED_CALL, f"after the calls: {quoted(after) or 'nothing'}")
    around = without_marks(before, opened, closed) + without_marks(after.removeprefix(closed), opened, closed)
    return around, [read_call(value, position) for position, value in enumerate(values)]


def calls_in_lines(
    text: str, opened: str, closed: str, call_at: Callable[[str, int, int], tuple[ToolCall, int]]
) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls: between two marks, one in each line.

    Args:
        call_at: from a text, where a call begins and its position among the calls, to the call and where it ends.

    Raises:
        Malformed: unclosed_call, and what `call_at` raises.
    """
    before, mark, block = text.partition(opened)
    if not mark:
        return without_marks(text, closed), []
    calls: list[ToolCall] = []
    end = 0
    while not calls or not block.startswith(closed, skip_space(block, end)):
        start = skip_space(block, end)
        if calls and "\n" not in block[end:start]:
            raise Malformed(
                ParseReason.UNCLOSED_CALL, f"after call {len(calls) - 1}: {quoted(block[end:]) or 'nothing'}"
            )
        found, end = call_at(block, start, len(calls))
        calls.append(found)
    after = block[expect(block, end, closed) :]
    return without_marks(before, closed) + without_marks(after, opened, closed), calls


@dataclass(frozen=True, slots=True)
class Section:
    """A section of calls, each of which names its tool outside the JSON. Without `closed` it ends the text."""

    opened: str
    closed: str
    head: re.Pattern[str]
    """What stands before a call's arguments; group 1 is the tool's name."""
    tail: re.Pattern[str]
    """What stands after them."""
    inner: tuple[str, ...]
    """The marks in head and tail."""

    def read(self, text: str, _: tuple[ToolSchema, ...] = ()) -> tuple[str, list[ToolCall]]:
        """Text around the calls, and the calls.

        Raises:
            Malformed: unclosed_call, bad_json, not_a_call.
        """
        marks = (self.opened, self.closed, *self.inner)
        before, mark, block = text.partition(self.opened)
        if not mark:
            return without_marks(text, *marks), []
        calls: list[ToolCall] = []
        position = 0
        while head := self.head.match(block, position):
            value, end = json_value(block, head.end(), self.closed)
            tail = self.tail.match(block, end)
            if tail is None:
                raise Malformed(ParseReason.UNCLOSED_CALL, f"call {len(calls)}: {quoted(block[position:])}")
            calls.append(tool_call(head[1], value, len(calls)))
            position = tail.end()
        after = block[position:].lstrip()
        if not calls or not after.startswith(self.closed) or (after and not self.closed):
            raise Malformed(ParseReason.UNCLOSED_CALL, f"after {len(calls)} calls: {quoted(after) or 'nothing'}")
        return without_marks(before, *marks) + without_marks(after.removeprefix(self.closed), *marks), calls


def without_marks(text: str, *marks: str) -> str:
    """The text, if none of these marks of a call stands in it.

    Raises:
        Malformed: unclosed_call.
    """
    for mark in filter(None, marks):
        if mark in text:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"{mark} alone: {quoted(text)}")
    return text
