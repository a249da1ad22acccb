"""Phi-4-mini: a JSON list of calls between marks."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"So: <|tool_call|>{ONE}<|/tool_call|>", "So:", [{"n": 1, "o": {"k": [True, None]}}]),
        ('<|tool_call|>[{"type": "function", "function": {"name": "f", "arguments": {}}}]<|/tool_call|>', "", [{}]),
        (f"<|tool_call|>{LISTED}<|/tool_call|>", "", [{"s": "a]}"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("phi4_mini", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<|tool_call|>{ONE}", ParseReason.UNCLOSED_CALL),
        (f"{ONE}<|/tool_call|>", ParseReason.UNCLOSED_CALL),
        (f"<|tool_call|>{LISTED[:-2]}]<|/tool_call|>", ParseReason.BAD_JSON),
        ('<|tool_call|>[{"type": "function", "function": {"name": "f"}}]<|/tool_call|>', ParseReason.NOT_A_CALL),
        ("<|tool_call|>[3]<|/tool_call|>", ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("phi4_mini", text) is reason
