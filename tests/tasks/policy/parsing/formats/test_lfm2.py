"""LFM2: a list of calls in Python between marks."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("So: <|tool_call_start|>[f(n=1, b=True)]<|tool_call_end|>", "So:", [{"n": 1, "b": True}]),
        ('<|tool_call_start|>[f(), f(o={"k": [true, null]})]<|tool_call_end|>', "", [{}, {"o": {"k": [True, None]}}]),
        (
            '<|tool_call_start|>[f(s="""]<|tool_call_end|>\n""")]<|tool_call_end|>So.',
            "So.",
            [{"s": "]<|tool_call_end|>\n"}],
        ),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("lfm2", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<|tool_call_start|>[f(n=1)]", ParseReason.UNCLOSED_CALL),
        ("[f(n=1)]<|tool_call_end|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call_start|>f(n=1)<|tool_call_end|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call_start|>[f(n=1)] and<|tool_call_end|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call_start|>[]<|tool_call_end|>", ParseReason.NOT_A_CALL),
        ("<|tool_call_start|>[f()]<|tool_call_end|><|tool_call_start|>[f()]", ParseReason.UNCLOSED_CALL),
        ("<|tool_call_start|>[f(n=1, n=1)]<|tool_call_end|>", ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("lfm2", text) is reason
