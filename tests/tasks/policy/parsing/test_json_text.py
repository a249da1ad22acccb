"""JSON as the standard has it, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.policy.parsing import NotStrict, json_text, strict_json
from tasks.policy.parsing.json_text import DEEPEST, json_at


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', "[1e400]", '{"a": 1, "a": 2}', '"\\ud800"', "[" * 65 + "]" * 65, "[" * 200_000]
)
def test_strict_json_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        strict_json(text)


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "é😀"]}, [], "x", 3, 10**300, [[[[]]]] * 100])
def test_strict_json_reads_what_json_writes(value: Any) -> None:
    assert strict_json(f" {json.dumps(value)} ") == value == strict_json(json.dumps(value))


def test_a_value_ends_where_it_ends() -> None:
    assert json_at('x: \n{"a": "}"} and more', 2) == ({"a": "}"}, 14)
    with pytest.raises(ValueError, match="Expecting value"):
        json_at("x: ", 2)
    with pytest.raises(NotStrict, match="a key stands twice"):
        json_at('{"a": {"b": 1, "b": 2}}', 0)


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_the_cap_on_nesting_counts_levels_and_not_brackets(depth: int) -> None:
    text = "[" * depth + "]" * depth
    wide = f"[{', '.join(['[]'] * 100)}]"
    assert len(strict_json(wide)) == 100
    if depth > DEEPEST:
        with pytest.raises(NotStrict, match=f"deeper than {DEEPEST}"):
            strict_json(text)
    else:
        assert json_text(strict_json(text)) == text
