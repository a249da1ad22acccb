"""Olmo 3: calls in Python between tags, one in each line."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("So:\n<function_calls>\nf(n=1, b=true)\n</function_calls>", "So:", [{"n": 1, "b": True}]),
        (
            "<function_calls>\nf()\nf(maybe=null,\n  b=False)\n</function_calls>So.",
            "So.",
            [{}, {"maybe": None, "b": False}],
        ),
        ("<function_calls>f()</function_calls>", "", [{}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("olmo3", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<function_calls>\nf(n=1)\n", ParseReason.UNCLOSED_CALL),
        ("f(n=1)\n</function_calls>", ParseReason.UNCLOSED_CALL),
        ("<function_calls>\n</function_calls>", ParseReason.UNCLOSED_CALL),
        ("<function_calls>\nf() f()\n</function_calls>", ParseReason.UNCLOSED_CALL),
        ("<function_calls>\nf(), f()\n</function_calls>", ParseReason.UNCLOSED_CALL),
        ("<function_calls>\nf()\nThat is all.\n</function_calls>", ParseReason.UNCLOSED_CALL),
        ("<function_calls>\nf(1)\n</function_calls>", ParseReason.BAD_PARAMETER),
        ("<function_calls>\nf()\n</function_calls>\n<function_calls>\nf()\n", ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("olmo3", text) is reason
