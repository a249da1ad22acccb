"""Gemma 4: calls between marks, strings between marks of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("<|channel>thought\nHm.\n<channel|>Just text.", "Just text.", []),
        (
            '<|tool_call>call:f{n:1,s:<|"|>a}<tool_call|>\n"<|"|>}<tool_call|>So.',
            "So.",
            [{"n": 1, "s": 'a}<tool_call|>\n"'}],
        ),
        (
            "<|tool_call>call:f{o:{a b:[true,-1.5,{}]}}<tool_call|>\n<|tool_call>call:f{}<tool_call|>",
            "",
            [{"o": {"a b": [True, -1.5, {}]}}, {}],
        ),
        ("<|tool_call>call:f{maybe:null,o:{k:None}}<tool_call|>", "", [{"maybe": None, "o": {"k": None}}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("gemma4", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<|tool_call>call:f{n:1}", ParseReason.UNCLOSED_CALL),
        ("call:f{n:1}<tool_call|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call>call:f{n:1<tool_call|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call>call:f{n:1}and<tool_call|>", ParseReason.UNCLOSED_CALL),
        ("<|tool_call>f{n:1}<tool_call|>", ParseReason.UNCLOSED_CALL),
        ('<|tool_call>call:f{s:<|"|>a}<tool_call|>', ParseReason.UNCLOSED_CALL),
        ("<|tool_call>call:f{}<tool_call|><|tool_c", ParseReason.UNCLOSED_CALL),
        ("<|tool_call>call:f{s:a}<tool_call|>", ParseReason.BAD_PARAMETER),
        ('<|tool_call>call:f{s:"a"}<tool_call|>', ParseReason.BAD_PARAMETER),
        ("<|tool_call>call:f{n:1,n:2}<tool_call|>", ParseReason.BAD_PARAMETER),
        ("<|tool_call>call:f{n:inf}<tool_call|>", ParseReason.BAD_PARAMETER),
        ("<|channel>thought\nHm.", ParseReason.UNCLOSED_REASONING),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("gemma4", text) is reason
