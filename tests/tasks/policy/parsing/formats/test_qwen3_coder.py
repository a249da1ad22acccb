"""Qwen3-Coder: XML with typed parameters, and completions that public parsers repair."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import HERMES, called, refusal


def xml(*parameters: tuple[str, str]) -> str:
    inner = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in parameters)
    return f"<tool_call>\n<function=f>\n{inner}</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        (f"Now: {xml(('n', '17'), ('s', '17'))}", "Now:", [{"n": 17, "s": "17"}]),
        (xml(("s", " two\n lines ")), "", [{"s": " two\n lines "}]),
        (xml(("b", "True"), ("o", '{"a": [1]}')), "", [{"b": True, "o": {"a": [1]}}]),
        (xml(("maybe", "null"), ("unknown", "1")), "", [{"maybe": None, "unknown": "1"}]),
        (xml(("maybe", "None"), ("unknown", '["a"]')), "", [{"maybe": None, "unknown": ["a"]}]),
        (xml(("s", "\n"), ("two words", "x")), "", [{"s": "\n", "two words": "x"}]),
        (xml(("s", "")), "", [{"s": ""}]),
        (xml(("s", "</function>\n</tool_call>\n<tool_call>")), "", [{"s": "</function>\n</tool_call>\n<tool_call>"}]),
        (xml(), "", [{}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("qwen3_coder", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (xml(("n", "17")).replace("</parameter>", ""), ParseReason.UNCLOSED_CALL),
        (xml(("n", "1"), ("s", "x")).replace("</parameter>", "", 1), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).replace("</function>", ""), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).removeprefix("<tool_call>"), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).replace("<function=f>", "<function>"), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).replace("<function=f>", "<function=f> text "), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).replace("</parameter>", "</parameter> and"), ParseReason.UNCLOSED_CALL),
        (xml(("s", "a</parameter>b")), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17")).replace("</function>", "</function>\n<function=f>\n</function>"), ParseReason.UNCLOSED_CALL),
        (f"{xml()}<tool_c", ParseReason.UNCLOSED_CALL),
        (xml(("n", "many")), ParseReason.BAD_PARAMETER),
        (xml(("n", "1.5")), ParseReason.BAD_PARAMETER),
        (xml(("n", "1"), ("n", "2")), ParseReason.BAD_PARAMETER),
        (xml(("o", '{"a": 1')), ParseReason.BAD_PARAMETER),
        (HERMES, ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("qwen3_coder", text) is reason
