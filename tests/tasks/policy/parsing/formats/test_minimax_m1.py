"""MiniMax-M1: calls as JSON in lines between tags."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ONE_CALL, TWO_CALLS = SAMPLES["minimax_m1"]


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"So: {ONE_CALL}", "So:", [{"n": 1}]),
        (TWO_CALLS, "", [{"s": "</tool_calls>"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("minimax_m1", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE_CALL.removesuffix("</tool_calls>"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.removeprefix("<tool_calls>"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL + ONE_CALL, ParseReason.UNCLOSED_CALL),
        (TWO_CALLS.replace("}}\n{", "}} {"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("}}\n", "}}\nand\n"), ParseReason.BAD_JSON),
        (ONE_CALL.replace("}}", "}"), ParseReason.BAD_JSON),
        (f"<tool_calls>[{ONE_CALL[13:-14]}]</tool_calls>", ParseReason.NOT_A_CALL),
        ("<tool_calls>\n</tool_calls>", ParseReason.BAD_JSON),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("minimax_m1", text) is reason
