"""Granite 3: a JSON list of calls at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("<think>Hm.</think><response>Just text.</response>", "Just text.", []),
        (f"So: <|tool_call|>{ONE}", "So:", [{"n": 1, "o": {"k": [True, None]}}]),
        (f"<|tool_call|>{LISTED}", "", [{"s": "a]}"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("granite3", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<|tool_call|>{ONE[:-1]}", ParseReason.BAD_JSON),
        (f"<|tool_call|>{ONE} and", ParseReason.UNCLOSED_CALL),
        (f"<|tool_call|>{ONE}<|tool_call|>{ONE}", ParseReason.UNCLOSED_CALL),
        ("<|tool_call|>", ParseReason.BAD_JSON),
        ("<|tool_call|>{}", ParseReason.NOT_A_CALL),
        ("<response>Just text.", ParseReason.UNCLOSED_CALL),
        ("So: <response>Just text.</response>", ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("granite3", text) is reason
