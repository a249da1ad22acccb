"""JSON text to values; for text that is not JSON, what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ijson
import orjson

from schemas.rejects import RAW_LIMIT, RejectReason

MAX_DEPTH = 500
"""Levels of nesting in a streamed list."""
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_NINETEEN = b"0" * 19


@dataclass(frozen=True, slots=True)
class Value:
    """A decoded JSON value; `where` is its place in the file ("line 3"), "" where the file has only one."""

    value: Any
    where: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch of the file that could not be decoded."""

    reason: RejectReason
    detail: str
    where: str
    raw: bytes = b""


def decoded(data: bytes, where: str) -> Value | Fault:
    """The value of a JSON text, integers exact, or the fault in it. `where` is its place in the file."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _decoded_slowly(data, where)
    # orjson rounds an integer beyond 64 bits to a float, which would be another argument of a call.
    return _decoded_slowly(data, where) if _may_hold_long_integers(data) else Value(value, where)


def _may_hold_long_integers(data: bytes) -> bool:
    """Whether the text may hold an integer beyond 64 bits: 20 digits, or 19 after a minus, and not after a point."""
    alike = data.translate(_DIGITS_ALIKE)  # all digits become 0; a regular expression takes twenty times as long
    at = alike.find(_NINETEEN)
    while at >= 0:
        before, after = data[at - 1 : at], alike[at + 19 : at + 20]
        if before == b"-" or (before != b"." and after == b"0"):
            return True
        at = alike.find(_NINETEEN, at + 19)
    return False


def _decoded_slowly(data: bytes, where: str) -> Value | Fault:
    """The value of a text that orjson refuses or would round, or the fault in it. NaN, lone surrogates and long
    integers are taken, since Python writes them."""
    raw = data[:RAW_LIMIT]
    try:
        text = data.decode()
        return Value(_without_surrogates(json.loads(text)), where)
    except UnicodeDecodeError as error:
        return Fault(RejectReason.INVALID_UTF8, f"byte {error.start} is not UTF-8: {error.reason}", where, raw)
    except json.JSONDecodeError as error:
        ended = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        reason = RejectReason.TRUNCATED if ended else RejectReason.INVALID_JSON
        return Fault(reason, f"not JSON: {error}", where, raw)
    except (RecursionError, ValueError) as error:
        return Fault(RejectReason.INVALID_JSON, f"JSON beyond what can be read: {error}", where, raw)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(element) for element in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(element) for key, element in value.items()}
    return value


def parsed_elements(stream: Any) -> Iterator[Any]:
    """The elements of the outermost list, one by one.

    Raises:
        ijson.JSONError: the text is not JSON, or ends in the middle.
        ValueError: it is nested deeper than MAX_DEPTH.
    """
    # Built from parse events, not by `ijson.items`: that keeps the path of every level as text, and 100 kB of "[" take
    # tens of gigabytes. And without `use_float=True`, which fails at an integer beyond 64 bits.
    depth = 0
    builder = ijson.ObjectBuilder()
    for event, value in ijson.basic_parse(stream):
        depth += event.startswith("start_") - event.startswith("end_")
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if depth == 0 or (depth == 1 and event == "start_array"):
            continue
        builder.event(event, float(value) if isinstance(value, Decimal) else value)
        if depth == 1:
            yield builder.value
            builder = ijson.ObjectBuilder()
