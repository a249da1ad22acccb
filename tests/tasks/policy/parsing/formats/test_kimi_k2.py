"""Kimi-K2: calls in a section, named by their ids."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ONE_CALL, TWO_CALLS = SAMPLES["kimi_k2"]


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (ONE_CALL, "So:", [{"n": 1}]),
        (TWO_CALLS, "", [{"s": "<|tool_call_end|>"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("kimi_k2", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE_CALL.removesuffix("<|tool_calls_section_end|>"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|tool_calls_section_begin|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|tool_call_end|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|tool_call_argument_begin|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("functions.f:0", "f"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("1}", "NaN}"), ParseReason.BAD_JSON),
        (ONE_CALL.replace('{"n": 1}', "null"), ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("kimi_k2", text) is reason
