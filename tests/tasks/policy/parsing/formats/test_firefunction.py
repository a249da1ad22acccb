"""Firefunction: a JSON list of calls after a word."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Use functools for that.", "Use functools for that.", []),
        (f"Use functools: functools{ONE}", "Use functools:", [{"n": 1, "o": {"k": [True, None]}}]),
        (f" functools{LISTED}", "", [{"s": "a]}"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("firefunction", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"functools{ONE[:-1]}", ParseReason.BAD_JSON),
        (f"functools{ONE} and", ParseReason.UNCLOSED_CALL),
        (f"functools{ONE}functools{ONE}", ParseReason.UNCLOSED_CALL),
        ("functools[1]", ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("firefunction", text) is reason
