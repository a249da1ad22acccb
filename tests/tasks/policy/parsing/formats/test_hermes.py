"""Hermes: JSON between tags, and every completion that some public parser takes for a smaller or repaired call."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import HERMES, called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"One moment. {HERMES}", "One moment.", [{"n": 1}]),
        (f"{HERMES}\n{HERMES}", "", [{"n": 1}, {"n": 1}]),
        (HERMES.replace("1", '"</tool_call>"'), "", [{"n": "</tool_call>"}]),
        (HERMES.replace('{"n": 1}', "{}"), "", [{}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("hermes", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HERMES.removesuffix("</tool_call>"), ParseReason.UNCLOSED_CALL),
        (HERMES.removeprefix("<tool_call>"), ParseReason.UNCLOSED_CALL),
        (HERMES[:30], ParseReason.UNCLOSED_CALL),
        (f"{HERMES}<tool_call>", ParseReason.UNCLOSED_CALL),
        (f"{HERMES}\n<tool_c", ParseReason.UNCLOSED_CALL),
        (f"{HERMES}</tool_call>", ParseReason.UNCLOSED_CALL),
        (HERMES.replace("}}", "}} and more"), ParseReason.UNCLOSED_CALL),
        (HERMES.replace("}}", "}"), ParseReason.BAD_JSON),
        (HERMES.replace("1}", "1,}"), ParseReason.BAD_JSON),
        (HERMES.replace("1}", "NaN}"), ParseReason.BAD_JSON),
        (HERMES.replace("1}", "1e400}"), ParseReason.BAD_JSON),
        (HERMES.replace("1}", '1, "n": 2}'), ParseReason.BAD_JSON),
        (HERMES.replace("1}", "[" * 100 + "]" * 100 + "}"), ParseReason.BAD_JSON),
        (HERMES.replace('{"n": 1}', '"n"'), ParseReason.NOT_A_CALL),
        (HERMES.replace('{"n": 1}', "null"), ParseReason.NOT_A_CALL),
        (HERMES.replace("arguments", "parameters"), ParseReason.NOT_A_CALL),
        (HERMES.replace('"arguments"', '"id": 1, "arguments"'), ParseReason.NOT_A_CALL),
        (HERMES.replace('"f"', "3"), ParseReason.NOT_A_CALL),
        ("<tool_call>[1]</tool_call>", ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("hermes", text) is reason
