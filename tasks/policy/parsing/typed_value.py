"""The value that a parameter's text stands for, where a format writes values without their type.

The tool's schema gives the type: `17` is the number 17 for an integer and the text "17" for a string. Where the schema
allows a text and another type, the text is a value of the other type if that value would be written just so:

    anyOf [string, array]     ["a", "b"]  is a list,  [a, b]  is a text
    anyOf [string, number]    3.1         is a number, 3.10   is a text
    enum ["1", 2]             1           is a text,  2       is a number: a value that the schema lists comes first

A parameter without a schema is read likewise, but whole numbers are texts: they are identifiers more often than counts.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import Any

from tasks.policy.parsing.json_text import NotStrict, strict_json
from tasks.policy.tool_schemas import json_types, listed_values, type_of

Notation = Callable[[str], Any]
"""How values other than texts are written: from the text to the value. Raises ValueError."""
_WORDS = {"True": True, "False": False, "None": None}


def typed_value(text: str, schema: Mapping[str, Any], notation: Notation = strict_json) -> Any:
    """The value of a parameter's text under the parameter's schema.

    Raises:
        ValueError: the text is no value of a type that the schema allows.
    """
    types = json_types(schema)
    if types == {"string"}:
        return text
    readings = _other_than_string(text, types, notation)
    if not types or "string" in types:
        readings = [*readings, text]
    if not readings:
        raise ValueError(f"no {' or '.join(sorted(types))}")
    if len(readings) == 1:
        return readings[0]
    listed = [(type(value), value) for value in listed_values(schema)]
    return next((reading for reading in readings if (type(reading), reading) in listed), readings[0])


def json_or_python(text: str) -> Any:
    """The value of a text that is JSON, or what Python prints for a JSON value: `None`, `{'a': True}`.

    Templates that print a value with `| string` write the second.

    Raises:
        ValueError: neither of them.
    """
    if text in _WORDS:
        return _WORDS[text]
    try:
        return strict_json(text)
    except ValueError:
        if not text.startswith(("[", "{")):
            raise
    return _printed_by_python(text)


def _other_than_string(text: str, types: frozenset[str], notation: Notation) -> list[Any]:
    """The value of another type that the text stands for, if it is allowed: one value or none."""
    try:
        value = notation(text)
    except ValueError:
        return []
    kind = type_of(value)
    if kind == "string":
        return []
    if not types:
        return [value] if kind != "integer" and _as_written(text, value) else []
    if "string" in types:
        return [value] if kind in types and _as_written(text, value) else []
    whole = kind == "number" and value.is_integer() and "integer" in types
    return [value] if kind in types or whole else []


def _as_written(text: str, value: Any) -> bool:
    """Whether a template would write the value as this text. JSON may be spaced in any way."""
    return str(value) == text if type_of(value) in ("integer", "number") else text == text.strip()


def _printed_by_python(text: str) -> Any:
    """The list or object of which the text is Python's `repr`."""
    try:
        value = ast.literal_eval(text)
        # Through JSON and back: refuses tuples, sets, keys that are no text, and all that strict JSON refuses.
        same = strict_json(json.dumps(value)) == value and repr(value) == text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise NotStrict(f"neither JSON nor Python: {error}") from error
    if not same:
        raise NotStrict("not as Python prints a value")
    return value
