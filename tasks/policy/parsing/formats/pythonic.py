"""Pythonic (Llama 4, ToolACE): a completion is text, or only a list of calls in Python.

    [get_order(order_id=17), get_user(user_id="u1")]

`<|python_start|>` and `<|python_end|>` may stand around it. LFM2 and Olmo 3 write such calls between other marks.
"""

from __future__ import annotations

import re
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.literals import PYTHON, Spelling, expect, items_end, members_at

_START, _END = "<|python_start|>", "<|python_end|>"
_NAME = re.compile(r"[^\W\d][\w.\-]*")
_BEGUN = re.compile(rf"\[\s*{_NAME.pattern}\s*\(\s*(?:\)|{_NAME.pattern}\s*(?:=|\Z)|\Z)")
"""How a list of calls begins. `[see f(x)]` is text."""


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text and no call, or the calls and no text.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    rest = text.strip()
    marked = rest.startswith(_START)
    if marked:
        rest, mark, after = rest.removeprefix(_START).partition(_END)
        if not mark or after.strip():
            raise Malformed(ParseReason.UNCLOSED_CALL, quoted(text))
        rest = rest.strip()
    without_marks(rest, _START, _END)
    if not marked and not _BEGUN.match(rest):
        return text, []
    calls, end = calls_at(rest, 0, PYTHON)
    if rest[end:].strip():
        raise Malformed(ParseReason.UNCLOSED_CALL, f"text after the calls: {quoted(rest[end:])}")
    return "", calls


def calls_at(text: str, position: int, spelling: Spelling) -> tuple[list[ToolCall], int]:
    """The list of calls at a position, after white space, and where it ends.

    Raises:
        Malformed: unclosed_call, bad_parameter, not_a_call for an empty list.
    """
    calls: list[ToolCall] = []

    def read_call(start: int) -> int:
        name, arguments, end = call_at(text, start, spelling)
        calls.append(tool_call(name, arguments, len(calls)))
        return end

    end = items_end(text, expect(text, position, "["), "]", read_call)
    if not calls:
        raise Malformed(ParseReason.NOT_A_CALL, f"a list without calls: {quoted(text)}")
    return calls, end


def call_at(text: str, position: int, spelling: Spelling) -> tuple[str, dict[str, Any], int]:
    """The tool's name and the arguments of the call at a position, and where it ends. Every argument has its name.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    name = _NAME.match(text, position)
    if name is None:
        raise Malformed(ParseReason.UNCLOSED_CALL, f"no name of a tool: {quoted(text[position:]) or 'the end'}")
    arguments, end = members_at(text, expect(text, name.end(), "("), spelling, ("=", ")"), _NAME)
    return name[0], arguments, end


FORMAT = Format(read)
