"""Values in Python's spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.policy.parsing import Malformed, ParseReason
from tasks.policy.parsing.json_text import DEEPEST
from tasks.policy.parsing.literals import PYTHON, PYTHON_OR_JSON, python_string, value_at

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_what_python_and_json_write_is_read(value: Any) -> None:
    for text, spelling in ((repr(value), PYTHON), (json.dumps(value), PYTHON_OR_JSON)):
        assert value_at(f"{text}, and more", 0, spelling) == (value, len(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it\\'s'", "it's"),
        ('"it\'s"', "it's"),
        ("'''it's'''", "it's"),
        ("''", ""),
        ("'two\nlines'", "two\nlines"),
        (r"'two\nlines\x21\041\u00e9\U0001f600'", "two\nlines!!é😀"),
        (r"'\d\\d'", r"\d\d"),
        (r"'\ud83d\ude00'", "😀"),
    ],
)
def test_strings(text: str, value: str) -> None:
    assert python_string(text, 0) == (value, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "f'x'", "'x", "'x\"", "b'x'", r"'\ud83d'", r"'\x1'", r"'\U00110000'", r"'\N{DASH}'", "1e400", "1" * 5000, "007",
        "1_000", "1j", "inf", "nan", "x", "()", "{1}", "{1: 2}", "{'a': 1, 'a': 2}", "{'a'}", "[,]", "[1 2]", "1.x",
        "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "[" * 100_000, "true", "",
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        value_at(text, 0, PYTHON)
    assert refused.value.failure.reason in (ParseReason.BAD_PARAMETER, ParseReason.UNCLOSED_CALL)
    assert refused.value.failure.detail
