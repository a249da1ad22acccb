"""Gemma 4: calls between marks and text around them. Strings stand between marks of their own, keys without any.

<|tool_call>call:get_order{order_id:17,note:<|"|>gift<|"|>}<tool_call|>
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, ends_in_part_of, quoted
from tasks.policy.parsing.literals import Spelling, expect, members_at

_OPEN, _CLOSE, _QUOTE = "<|tool_call>", "<tool_call|>", '<|"|>'
_HEAD = re.compile(r"\s*call:([^\s{}<]+)\{")
_KEY = re.compile(r"[^\s:,{}\[\]<>](?:[^:,{}\[\]<>]*[^\s:,{}\[\]<>])?")


def _string(text: str, position: int) -> tuple[str, int] | None:
    if not text.startswith(_QUOTE, position):
        return None
    end = text.find(_QUOTE, position + len(_QUOTE))
    if end < 0:
        raise Malformed(ParseReason.UNCLOSED_CALL, f"a string is not closed: {quoted(text[position:])}")
    return text[position + len(_QUOTE) : end], end + len(_QUOTE)


_SPELLING = Spelling(_string, {"true": True, "false": False, "null": None, "None": None}, _KEY)
"""The first templates write null as Python does."""


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    outside: list[str] = []
    calls: list[ToolCall] = []
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        outside.append(text[position:start])
        head = _HEAD.match(text, start + len(_OPEN))
        if head is None:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"call {len(calls)}: {quoted(text[start:])}")
        arguments, end = members_at(text, head.end(), _SPELLING, (":", "}"), _KEY)
        calls.append(tool_call(head[1], arguments, len(calls)))
        position = expect(text, end, _CLOSE)
    outside.append(text[position:])
    if calls and ends_in_part_of(_OPEN, text):
        raise Malformed(ParseReason.UNCLOSED_CALL, quoted(text[position:]))
    return "".join(without_marks(part, _CLOSE, _QUOTE) for part in outside), calls


FORMAT = Format(read, (("<|channel>thought\n", "<channel|>"),))
