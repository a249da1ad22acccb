"""Nemotron-Nano-v2: a JSON list of calls between tags."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import LISTED, ONE, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"So:\n<TOOLCALL>{ONE}</TOOLCALL>", "So:", [{"n": 1, "o": {"k": [True, None]}}]),
        (f"<TOOLCALL>{LISTED}</TOOLCALL>", "", [{"s": "a]}"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("nemotron_v2", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<TOOLCALL>{ONE}", ParseReason.UNCLOSED_CALL),
        (f"{ONE}</TOOLCALL>", ParseReason.UNCLOSED_CALL),
        (f"<TOOLCALL>{ONE}</TOOLCALL></TOOLCALL>", ParseReason.UNCLOSED_CALL),
        (f"<TOOLCALL>{ONE}</TOOLCALL><TOOLCALL>{ONE}</TOOLCALL>", ParseReason.UNCLOSED_CALL),
        (f"<TOOLCALL>{ONE} and</TOOLCALL>", ParseReason.UNCLOSED_CALL),
        (f"<TOOLCALL>{ONE[1:-1]}</TOOLCALL>", ParseReason.NOT_A_CALL),
        ("<TOOLCALL>[]</TOOLCALL>", ParseReason.NOT_A_CALL),
        (f"<TOOLCALL>{ONE[:-1]}</TOOLCALL>", ParseReason.BAD_JSON),
        (f"<TOOLCALL>[{ONE}]</TOOLCALL>", ParseReason.NOT_A_CALL),
        ('<TOOLCALL>[{"name": "f", "arguments": {}}, {"name": "f"}]</TOOLCALL>', ParseReason.NOT_A_CALL),
        ('<TOOLCALL>[{"name": "f", "arguments": {"n": 1, "n": 2}}]</TOOLCALL>', ParseReason.BAD_JSON),
        ('<TOOLCALL>[{"name": "", "arguments": {}}]</TOOLCALL>', ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("nemotron_v2", text) is reason
