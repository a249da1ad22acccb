"""Apriel: a JSON list of calls between tags, and reasoning without tags."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nJust text.", "Just text.", []),
        (f"<think>Hm.</think>So: <tool_calls>{ONE}</tool_calls>", "So:", [{"n": 1, "o": {"k": [True, None]}}]),
        (f"\n<tool_calls>{LISTED}</tool_calls>", "", [{"s": "a]}"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("apriel", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<tool_calls>{ONE}", ParseReason.UNCLOSED_CALL),
        (f"{ONE}</tool_calls>", ParseReason.UNCLOSED_CALL),
        (f"Here are my reasoning steps:\nHm. <tool_calls>{ONE}</tool_calls>", ParseReason.UNCLOSED_REASONING),
        ("<tool_calls>[null]</tool_calls>", ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("apriel", text) is reason
