"""xLAM-2: text, or only a JSON list of calls."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (ONE, "", [{"n": 1, "o": {"k": [True, None]}}]),
        (f"\n{LISTED}\n", "", [{"s": "a]}"}, {}]),
        ("[]", "[]", []),
        ("[1, 2]", "[1, 2]", []),
        ("[1] says so.", "[1] says so.", []),
        ('[{"name": "Ann", "age": 3}]', '[{"name": "Ann", "age": 3}]', []),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("xlam", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE[:-1], ParseReason.BAD_JSON),
        (f"{ONE} and", ParseReason.UNCLOSED_CALL),
        (f"{ONE}{ONE}", ParseReason.UNCLOSED_CALL),
        ('[{"name": "f", "parameters": {}}]', ParseReason.NOT_A_CALL),
        ('[{"name": "f", "arguments": {}}, 3]', ParseReason.NOT_A_CALL),
        ('[3, {"name": "f", "arguments": {}}]', ParseReason.NOT_A_CALL),
        ('[{"name": "f", "arguments": {}, "id": 1}]', ParseReason.NOT_A_CALL),
        ('[{"name": "f", "arguments": {"n": 1e400}}]', ParseReason.BAD_JSON),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("xlam", text) is reason
