"""Llama 4 JSON: text between marks, then calls."""

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
        ('{"name": "f", "parameters": {"n": 1}}', "", [{"n": 1}]),
        ('<|python_start|>So:<|python_end|>{"name": "f", "parameters": {"n": 1}}', "So:", [{"n": 1}]),
        (
            '<|python_start|><|python_end|>{"name": "f", "parameters": {"s": "}{"}}{"name": "f", "parameters": {}}',
            "",
            [{"s": "}{"}, {}],
        ),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("llama4_json", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<|python_start|>So:", ParseReason.UNCLOSED_CALL),
        ("So:<|python_end|>", ParseReason.UNCLOSED_CALL),
        ('So:<|python_start|><|python_end|>{"name": "f", "parameters": {}}', ParseReason.UNCLOSED_CALL),
        ("<|python_start|>So:<|python_end|>", ParseReason.BAD_JSON),
        ('<|python_start|><|python_end|>{"name": "f", "parameters": {}}{', ParseReason.BAD_JSON),
        ('<|python_start|><|python_end|>{"name": "f", "parameters": {}} and', ParseReason.BAD_JSON),
        ('<|python_start|><|python_end|>{"n": 1}', ParseReason.NOT_A_CALL),
        ('{"name": "f", "arguments": {}}', ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("llama4_json", text) is reason
