"""JSON as the standard has it.

Python's reader takes NaN, keeps the last of two equal keys, and turns 1e400 into infinity. A policy in training would
discover all three.
"""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 64
"""Levels of nesting at most. Real arguments have under 10; comparing thousands recursively overflows the stack."""


class NotStrict(ValueError):
    """JSON that Python would read and the standard, or our cap on nesting, does not allow."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("a key stands twice")
    return members


def _no_constant(text: str) -> float:
    raise NotStrict(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrict(f"{text[:40]} is no finite number")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite)
_SCAN = _DECODER.scan_once  # type: ignore[attr-defined]
"""Reads a value that fills the text. `decode` takes twice as long, for the white space around it."""


json_text = json.JSONEncoder(ensure_ascii=False).encode
"""A value as JSON, other alphabets readable. `json.dumps` would make an encoder for every call."""


def strict_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON, a repeated key, NaN, infinity, a lone surrogate, or nested deeper than DEEPEST.
    """
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:  # white space before the value, or no value
        end = -1
    except RecursionError as error:
        raise NotStrict("nested too deeply") from error
    if end != len(text):
        value = _DECODER.decode(text)
    _check(value, text)
    return value


def json_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at `start` (white space before it is skipped), and where it ends.

    Raises:
        ValueError: as `strict_json`.
    """
    while start < len(text) and text[start].isspace():
        start += 1
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError as error:
        raise NotStrict("nested too deeply") from error
    _check(value, text[start:end])
    return value, end


def _check(value: Any, text: str) -> None:
    if text.count("[") + text.count("{") > DEEPEST and _depth(value) > DEEPEST:
        raise NotStrict(f"nested deeper than {DEEPEST} levels")
    if "\\u" in text:
        try:
            json_text(value).encode()
        except UnicodeEncodeError as error:
            raise NotStrict("half of a surrogate pair is no text") from error


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth
