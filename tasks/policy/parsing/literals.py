"""Values that a format spells in another way than JSON: lists, objects, numbers, and its own strings and names.

Python's own reader is not used: it reads a whole text, and only valid Python. A call ends where its last bracket
closes, and what follows is for the format to judge. Templates write line breaks between quotes as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.policy.parsing.completion import Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import DEEPEST

_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z]+")
_STRING = re.compile(r"""('{3}|"{3}|'|")((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"\n": "", "\\": "\\", "'": "'", '"': '"', **dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))}


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format spells strings, the keys of objects, and the values that have names."""

    string: Callable[[str, int], tuple[str, int] | None]
    """From a text and a position to the string there and where it ends; None where none begins."""
    names: Mapping[str, Any]
    key: re.Pattern[str] | None = None
    """A key without quotes."""


def python_string(text: str, position: int) -> tuple[str, int] | None:
    """The Python string at a position, and where it ends.

    Raises:
        Malformed: bad_parameter for an escape that stands for no text.
    """
    found = _STRING.match(text, position)
    if found is None:
        return None
    try:
        value = _ESCAPE.sub(_unescaped, found[2])
        if "\\u" in found[2]:  # JSON writes some characters as two halves; one half alone is no text
            value = value.encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError) as error:
        raise Malformed(ParseReason.BAD_PARAMETER, f"{error}: {quoted(found[0])}") from error
    return value, found.end()


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code in _ESCAPED:
        return _ESCAPED[code]
    if code in ("x", "u", "U", "N"):
        raise ValueError(f"{escape[0]} is half an escape")
    if code[0] in "xuU":
        return chr(int(code[1:], 16))
    return chr(int(code, 8)) if code[0] in "01234567" else escape[0]


_PYTHON_NAMES = {"True": True, "False": False, "None": None}
PYTHON = Spelling(python_string, _PYTHON_NAMES)
PYTHON_OR_JSON = Spelling(python_string, {**_PYTHON_NAMES, "true": True, "false": False, "null": None})


def skip_space(text: str, position: int) -> int:
    """Where the white space at a position ends."""
    space = _SPACE.match(text, position)
    return space.end() if space else position


def expect(text: str, position: int, mark: str) -> int:
    """Where a mark ends that must stand at a position, after white space.

    Raises:
        Malformed: unclosed_call.
    """
    start = skip_space(text, position)
    if not text.startswith(mark, start):
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{mark} is missing: {quoted(text[start:]) or 'the end'}")
    return start + len(mark)


def items_end(text: str, position: int, closed: str, read_item: Callable[[int], int]) -> int:
    """Where a sequence ends: items with commas between them, then `closed`. Python allows a comma after the last.

    Args:
        read_item: from where an item begins to where it ends.

    Raises:
        Malformed: unclosed_call, and what `read_item` raises.
    """
    position = skip_space(text, position)
    while not text.startswith(closed, position):
        position = skip_space(text, read_item(position))
        if text.startswith(",", position):
            position = skip_space(text, position + 1)
        elif not text.startswith(closed, position):
            break
    return expect(text, position, closed)


def value_at(text: str, position: int, spelling: Spelling, depth: int = 0) -> tuple[Any, int]:
    """The value at a position, after white space, and where it ends.

    Raises:
        Malformed: unclosed_call; bad_parameter for what is no value, or is nested too deeply.
    """
    position = skip_space(text, position)
    if depth > DEEPEST:
        raise Malformed(ParseReason.BAD_PARAMETER, f"nested deeper than {DEEPEST} levels")
    if text.startswith("{", position):
        return members_at(text, position + 1, spelling, (":", "}"), spelling.key, depth)
    if text.startswith("[", position):
        items: list[Any] = []

        def read_item(start: int) -> int:
            item, end = value_at(text, start, spelling, depth + 1)
            items.append(item)
            return end

        end = items_end(text, position + 1, "]", read_item)
        return items, end
    if string := spelling.string(text, position):
        return string
    if number := _NUMBER.match(text, position):
        return _number(number), number.end()
    word = _WORD.match(text, position)
    if word is None or word[0] not in spelling.names:
        raise _missing("value", text, position)
    return spelling.names[word[0]], word.end()


def members_at(
    text: str,
    position: int,
    spelling: Spelling,
    marks: tuple[str, str],
    bare_key: re.Pattern[str] | None,
    depth: int = 0,
) -> tuple[dict[str, Any], int]:
    """Members with commas between them, and where they end.

    Args:
        marks: what stands between a key and its value, and what stands after the last member.
        bare_key: what a key is; None for a string.

    Raises:
        Malformed: as `value_at`; bad_parameter for a key that stands twice.
    """
    members: dict[str, Any] = {}

    def read_member(start: int) -> int:
        key, end = _key(text, start, spelling, bare_key)
        if key in members:
            raise Malformed(ParseReason.BAD_PARAMETER, f"{key} stands twice")
        members[key], end = value_at(text, expect(text, end, marks[0]), spelling, depth + 1)
        return end

    end = items_end(text, position, marks[1], read_member)
    return members, end


def _key(text: str, position: int, spelling: Spelling, bare: re.Pattern[str] | None) -> tuple[str, int]:
    if bare is not None and (found := bare.match(text, position)):
        return found[0], found.end()
    if bare is None and (string := spelling.string(text, position)):
        return string
    raise _missing("name of a parameter", text, position)


def _missing(what: str, text: str, position: int) -> Malformed:
    rest = text[position:]
    reason = ParseReason.BAD_PARAMETER if rest else ParseReason.UNCLOSED_CALL
    return Malformed(reason, f"no {what}: {quoted(rest) or 'the end'}")


def _number(number: re.Match[str]) -> int | float:
    try:
        value = float(number[0]) if number[1] or number[2] else int(number[0])
    except ValueError as error:  # Python converts no integer of thousands of digits
        raise Malformed(ParseReason.BAD_PARAMETER, f"too long a number: {number[0][:40]}") from error
    if math.isinf(value):
        raise Malformed(ParseReason.BAD_PARAMETER, f"{number[0][:40]} is no finite number")
    return value
