"""Command: a response or calls, each between marks."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal

ACTION = '<|START_ACTION|>[\n {"tool_call_id": "0", "tool_name": "f", "parameters": {"n": 1}}\n]<|END_ACTION|>'


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("<|START_RESPONSE|>Just text.<|END_RESPONSE|>", "Just text.", []),
        ("<|START_TEXT|>Just text.<|END_TEXT|>", "Just text.", []),
        ("Just text.<|END_RESPONSE|>", "Just text.", []),
        (f"<|START_THINKING|>Hm.<|END_THINKING|>{ACTION}", "", [{"n": 1}]),
        (ACTION.replace('"tool_call_id": "0", ', ""), "", [{"n": 1}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("command", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ACTION.removesuffix("<|END_ACTION|>"), ParseReason.UNCLOSED_CALL),
        (ACTION.removeprefix("<|START_ACTION|>"), ParseReason.UNCLOSED_CALL),
        (ACTION.replace("tool_name", "name"), ParseReason.NOT_A_CALL),
        (ACTION.replace('"0"', "0"), ParseReason.NOT_A_CALL),
        (ACTION.replace('{"n": 1}', "[1]"), ParseReason.NOT_A_CALL),
        (ACTION.replace("1}}", "1}"), ParseReason.BAD_JSON),
        ("<|START_RESPONSE|>Just text.", ParseReason.UNCLOSED_CALL),
        ("So: <|START_RESPONSE|>Just text.<|END_RESPONSE|>", ParseReason.UNCLOSED_CALL),
        ("<|START_RESPONSE|>Just text.<|END_RESPONSE|> and", ParseReason.UNCLOSED_CALL),
        ("<|START_THINKING|>Hm.", ParseReason.UNCLOSED_REASONING),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("command", text) is reason
