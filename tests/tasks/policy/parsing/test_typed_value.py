"""The value that a parameter's text stands for, by its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.policy.parsing.json_text import json_text
from tasks.policy.parsing.typed_value import json_or_python, typed_value
from tasks.policy.tool_schemas import type_of

TEXT, WHOLE, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}
NULLABLE_BOOLEAN = {"anyOf": [{"type": "boolean"}, NULL]}
TEXT_OR_LIST = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (TEXT, "17", "17"),
        (TEXT, "None", "None"),
        (TEXT, '["a"]', '["a"]'),
        (TEXT, '"quoted"', '"quoted"'),
        (WHOLE, "17", 17),
        (WHOLE, " 17 ", 17),
        (WHOLE, "17.0", 17.0),
        ({"type": "number"}, "17", 17),
        ({"type": "number"}, "1e-05", 1e-05),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, "false", False),
        (NULLABLE_BOOLEAN, "True", True),
        (NULLABLE_BOOLEAN, "None", None),
        (NULLABLE_BOOLEAN, "null", None),
        ({"type": ["integer", "null"]}, "None", None),
        ({"type": "integer", "nullable": True}, "None", None),
        ({"oneOf": [WHOLE, {"type": "boolean"}]}, "False", False),
        ({"allOf": [WHOLE]}, "3", 3),
        ({"allOf": [{"description": "an id"}, TEXT]}, "3", "3"),
        ({"type": "array"}, "['a', None]", ["a", None]),
        ({"type": "object"}, '{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ({"enum": [1, 2, 3]}, "2", 2),
        ({"enum": ["1", "2"]}, "2", "2"),
        ({"const": "3"}, "3", "3"),
        ({"const": 3}, "3", 3),
    ],
)
def test_the_schema_gives_the_type(schema: dict[str, Any], text: str, value: Any) -> None:
    read = typed_value(text, schema, json_or_python)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (TEXT_OR_LIST, '["a", "b"]', ["a", "b"]),
        (TEXT_OR_LIST, "[]", []),
        (TEXT_OR_LIST, "[a, b]", "[a, b]"),
        (TEXT_OR_LIST, '["a"', '["a"'),
        (TEXT_OR_LIST, '{"a": 1}', '{"a": 1}'),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "nothing", "nothing"),
        ({"type": ["string", "integer"]}, "17", 17),
        ({"type": ["string", "integer"]}, "017", "017"),
        ({"type": ["string", "integer"]}, " 17", " 17"),
        ({"type": ["string", "integer"]}, "1.0", "1.0"),
        ({"type": ["string", "number"]}, "3.1", 3.1),
        ({"type": ["string", "number"]}, "3.10", "3.10"),
        ({"type": ["string", "integer"], "enum": ["1", 2]}, "1", "1"),
        ({"type": ["string", "integer"], "enum": ["1", 2]}, "2", 2),
        ({"anyOf": [TEXT, {"enum": [True]}]}, "1", "1"),
    ],
)
def test_a_text_is_another_value_where_that_is_allowed_and_would_be_written_so(
    schema: dict[str, Any], text: str, value: Any
) -> None:
    read = typed_value(text, schema, json_or_python)
    assert (type(read), read) == (type(value), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(JSON)
def test_a_value_of_the_declared_type_reads_back_as_json_and_as_python_write_it(value: Any) -> None:
    schema = {"anyOf": [{"type": type_of(value)}, NULL]}
    if isinstance(value, str):
        assert typed_value(value, TEXT) == value
        return
    assert repr(typed_value(json_text(value), schema)) == repr(value)
    for written in (json_text(value), repr(value)):
        assert repr(typed_value(written, schema, json_or_python)) == repr(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("some text", "some text"),
        ("17", "17"),
        ("0.5", 0.5),
        ("0.50", "0.50"),
        ("True", True),
        ("None", None),
        ("true", True),
        ('["a"]', ["a"]),
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ('"quoted"', '"quoted"'),
    ],
)
def test_without_a_schema_whole_numbers_are_texts(text: str, value: Any) -> None:
    read = typed_value(text, {}, json_or_python)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (WHOLE, "many"),
        (WHOLE, ""),
        (WHOLE, "1.5"),
        (WHOLE, "True"),
        (WHOLE, '"17"'),
        (WHOLE, "1" * 5000),
        ({"type": "number"}, "NaN"),
        (NULLABLE_BOOLEAN, "1"),
        (NULLABLE_BOOLEAN, "TRUE"),
        ({"type": "array"}, '{"a": 1}'),
        ({"type": "array"}, "('a',)"),
        ({"type": "object"}, '{"a": 1'),
        ({"type": "object"}, '{"a": 1, "a": 2}'),
        ({"type": "object"}, "{1: 2}"),
        ({"enum": [1, 2]}, "x"),
    ],
)
def test_no_value_of_the_type(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"no (array|boolean|integer|number|object)"):
        typed_value(text, schema, json_or_python)


def test_without_pythons_spelling_only_json_is_another_value() -> None:
    assert typed_value("None", {"type": ["string", "null"]}) == "None"
    assert typed_value("null", {"type": ["string", "null"]}) is None
    with pytest.raises(ValueError, match="no array"):
        typed_value("['a']", {"type": "array"})


@pytest.mark.parametrize("value", [None, True, [], {}, ["a", None, 1e-05, -3, {"b": "it's", "c": 'a "b"\n'}], 17, 0.1])
def test_json_or_python_reads_what_python_prints(value: Any) -> None:
    assert json_or_python(repr(value)) == value == json_or_python(json.dumps(value))


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "(1,)",
        "['a','b']",
        "['a' 'b']",
        "[b'a']",
        "{1, 2}",
        "{'a': 1, 'a': 2}",
        "{True: 1}",
        "[1e999]",
        "['\\ud800']",
        "[1 + 1j]",
        "[" * 100 + "'a'" + "]" * 100,
        "[" + "-" * 100_000 + "1]",
        "[" + "1+" * 100_000 + "1]",
        "[f()]",
    ],
)
def test_json_or_python_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        json_or_python(text)
