"""Mistral: calls after a mark, in the older and the newer form."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseFailure, ParseReason, parser_for
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ('So: [TOOL_CALLS][{"name": "f", "arguments": {"n": 1}, "id": "abc"}]', "So:", [{"n": 1}]),
        ('[TOOL_CALLS]f[ARGS]{"n": 1}[TOOL_CALLS]f[CALL_ID]x1[ARGS]{}', "", [{"n": 1}, {}]),
        ("Just text.", "Just text.", []),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("mistral", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[TOOL_CALLS]", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS][]", ParseReason.NOT_A_CALL),
        ('[TOOL_CALLS][{"name": "f", "arguments": {}}', ParseReason.BAD_JSON),
        ('[TOOL_CALLS][{"name": "f", "arguments": {}}] and', ParseReason.UNCLOSED_CALL),
        ('[TOOL_CALLS][{"name": "f"}]', ParseReason.NOT_A_CALL),
        ("[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS]f[ARGS]3", ParseReason.NOT_A_CALL),
        ("f[ARGS]{}", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS]f[ARGS]{}f[ARGS]{}", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS]f[ARGS]{} and", ParseReason.UNCLOSED_CALL),
        ("f[ARGS]{}[TOOL_CALLS]f[ARGS]{}", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS]f[CALL_ID]x1{}", ParseReason.UNCLOSED_CALL),
        ("[TOOL_CALLS]f[ARGS]", ParseReason.BAD_JSON),
        ('[TOOL_CALLS][{"name": "f", "arguments": {}, "id": 3}]', ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("mistral", text) is reason


def test_every_failure_says_what_was_wrong() -> None:
    failure = parser_for("mistral")("[TOOL_CALLS]")
    assert isinstance(failure, ParseFailure) and failure.detail == "call 0: nothing follows"
