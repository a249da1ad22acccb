"""GigaChat: one call at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ('So:<|function_call|>{"name": "f", "arguments": {"n": 1}}', "So:", [{"n": 1}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("gigachat", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<|function_call|>{"name": "f", "arguments": {}', ParseReason.BAD_JSON),
        ('<|function_call|>{"name": "f", "arguments": {}} and', ParseReason.UNCLOSED_CALL),
        (
            '<|function_call|>{"name": "f", "arguments": {}}<|function_call|>{"name": "f", "arguments": {}}',
            ParseReason.UNCLOSED_CALL,
        ),
        ('<|function_call|>{"name": "f", "arguments": []}', ParseReason.NOT_A_CALL),
        ("<|function_call|>", ParseReason.BAD_JSON),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("gigachat", text) is reason
