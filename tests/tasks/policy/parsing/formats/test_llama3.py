"""Llama 3 JSON: text, or only calls."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ('{"answer": 42}', '{"answer": 42}', []),
        ('{"name": "Ann", "age": 3} she is.', '{"name": "Ann", "age": 3} she is.', []),
        ("{x | x > 0}", "{x | x > 0}", []),
        ('{"name": "f", "parameters": {"n": 1}}', "", [{"n": 1}]),
        ('<|python_tag|>{"type": "function", "name": "f", "parameters": {}}<|eom_id|>', "", [{}]),
        ('{"name": "f", "parameters": {"s": ";"}}; {"name": "f", "parameters": {}}', "", [{"s": ";"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("llama3_json", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "f", "parameters": {"n": 1}', ParseReason.BAD_JSON),
        ('{"name": "f", "parameters": {}} and', ParseReason.UNCLOSED_CALL),
        ('{"name": "f", "parameters": {}};', ParseReason.BAD_JSON),
        ('{"name": "f", "arguments": {}}', ParseReason.NOT_A_CALL),
        ('{"name": "f", "parameters": {}, "id": 1}', ParseReason.NOT_A_CALL),
        ('{"name": "f", "parameters": {}}; {"n": 1}', ParseReason.NOT_A_CALL),
        ('<|python_tag|>{"n": 1}', ParseReason.NOT_A_CALL),
        ("<|python_tag|>", ParseReason.BAD_JSON),
        ("{", ParseReason.BAD_JSON),
        ('{"answer": 4', ParseReason.BAD_JSON),
        ('Hm. <|python_tag|>{"name": "f", "parameters": {}}', ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("llama3_json", text) is reason
