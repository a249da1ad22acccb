"""Solar Open: a turn of content or of calls."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ONE_CALL, TWO_CALLS = SAMPLES["solar_open"]


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("<|content|>Just text.", "Just text.", []),
        ("<|think|>Hm.<|end|><|begin|>assistant<|content|>Just text.", "Just text.", []),
        ("", "", []),
        (ONE_CALL, "", [{"n": 1}]),
        (TWO_CALLS, "", [{"s": "<|tool_call:end|>"}, {}]),
        (TWO_CALLS.removesuffix("<|calls|>"), "", [{"s": "<|tool_call:end|>"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("solar_open", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Just text.", ParseReason.UNCLOSED_CALL),
        ("<|content|>So:" + TWO_CALLS, ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.removeprefix("<|tool_calls|>"), ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.replace("<|tool_call:end|><|calls|>", ""), ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.replace("<|tool_call:args|>{}", "{}"), ParseReason.UNCLOSED_CALL),
        (TWO_CALLS + " and", ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.replace("{}", "{"), ParseReason.BAD_JSON),
        (TWO_CALLS.replace("{}", "[]"), ParseReason.NOT_A_CALL),
        ("<|tool_calls|><|calls|>", ParseReason.UNCLOSED_CALL),
        ("<|think|>Hm.", ParseReason.UNCLOSED_REASONING),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("solar_open", text) is reason
