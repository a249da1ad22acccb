"""DeepSeek-V3 and R1: calls with fenced JSON in a section."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ONE_CALL, TWO_CALLS = SAMPLES["deepseek_v3"]


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (ONE_CALL, "So:", [{"n": 1}]),
        (TWO_CALLS, "", [{"s": "```"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("deepseek_v3", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE_CALL.removesuffix("<｜tool▁calls▁end｜>"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<｜tool▁calls▁begin｜>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<｜tool▁call▁begin｜>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<｜tool▁call▁end｜>", ""), ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.replace("<｜tool▁call▁end｜>", "", 1), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("\n```<", "<"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("```json", "```"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("function<", "code<"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace('{"n": 1}', '{"n": 1} and'), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace('{"n": 1}', '{"n": 1'), ParseReason.BAD_JSON),
        (ONE_CALL.replace('{"n": 1}', "[1]"), ParseReason.NOT_A_CALL),
        ("<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>", ParseReason.UNCLOSED_CALL),
        (ONE_CALL + ONE_CALL, ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("deepseek_v3", text) is reason
