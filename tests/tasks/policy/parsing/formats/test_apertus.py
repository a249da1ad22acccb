"""Apertus: objects from a tool to its arguments."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("<|inner_prefix|>Hm.<|inner_suffix|>Just text.", "Just text.", []),
        ('So: <|tools_prefix|>[{"f": {"n": 1}}]<|tools_suffix|>', "So:", [{"n": 1}]),
        ('<|tools_prefix|>[{"f": {"s": "]"}}, {"f": {}}]<|tools_suffix|>', "", [{"s": "]"}, {}]),
        ('<|tools_prefix|>[{"f": {"n": 1}}]', "", [{"n": 1}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("apertus", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<|tools_prefix|>[{"f": {"n": 1}}', ParseReason.BAD_JSON),
        ('<|tools_prefix|>[{"f": {"n": 1}}]<|tools_suf', ParseReason.UNCLOSED_CALL),
        ('<|tools_prefix|>[{"f": {"n": 1}}]<|tools_suffix|> Done.', ParseReason.UNCLOSED_CALL),
        ('<|tools_suffix|><|tools_prefix|>[{"f": {"n": 1}}]', ParseReason.UNCLOSED_CALL),
        ('[{"f": {"n": 1}}]<|tools_suffix|>', ParseReason.UNCLOSED_CALL),
        ('<|tools_prefix|>[{"f": {}, "g": {}}]<|tools_suffix|>', ParseReason.NOT_A_CALL),
        ('<|tools_prefix|>[{"f": {}}, {"f": 1}]<|tools_suffix|>', ParseReason.NOT_A_CALL),
        ('<|tools_prefix|>["f"]<|tools_suffix|>', ParseReason.NOT_A_CALL),
        ('<|tools_prefix|>[{"f": {}, "f": {}}]<|tools_suffix|>', ParseReason.BAD_JSON),
        ("<|inner_prefix|>Hm.", ParseReason.UNCLOSED_REASONING),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("apertus", text) is reason
