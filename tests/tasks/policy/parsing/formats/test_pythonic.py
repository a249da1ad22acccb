"""Pythonic: text, or only a list of calls in Python."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("[f(n=1)]", "", [{"n": 1}]),
        (" [ f( n = 1 , ), f() ] ", "", [{"n": 1}, {}]),
        ("<|python_start|>[f(n=1)]<|python_end|>", "", [{"n": 1}]),
        ('[f(s="a)]", b=True, maybe=None)]', "", [{"s": "a)]", "b": True, "maybe": None}]),
        ('[f(o={"k": [1.5, {}, False]}, n=-1)]', "", [{"o": {"k": [1.5, {}, False]}, "n": -1}]),
        ("[f(x) for x in y]", "[f(x) for x in y]", []),
        ("[see f(x=1)](a/b)", "[see f(x=1)](a/b)", []),
        ("[1] says so.", "[1] says so.", []),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("pythonic", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[f(", ParseReason.UNCLOSED_CALL),
        ("[f(n=", ParseReason.UNCLOSED_CALL),
        ("[f(n=1", ParseReason.UNCLOSED_CALL),
        ("[f(n=1)", ParseReason.UNCLOSED_CALL),
        ("[f(n=1), ", ParseReason.UNCLOSED_CALL),
        ("[f(n=1)] and", ParseReason.UNCLOSED_CALL),
        ("[f(n=1), g]", ParseReason.UNCLOSED_CALL),
        ("[f(n=1) f()]", ParseReason.UNCLOSED_CALL),
        ("[f(n=1)][f()]", ParseReason.UNCLOSED_CALL),
        ("[f(n=1, n=2)]", ParseReason.BAD_PARAMETER),
        ("[f(n=1, 2)]", ParseReason.BAD_PARAMETER),
        ("[f(n=1, **o)]", ParseReason.BAD_PARAMETER),
        ("[f(n=m)]", ParseReason.BAD_PARAMETER),
        ("[f(n=1 + 1)]", ParseReason.UNCLOSED_CALL),
        ("[f(n=g())]", ParseReason.BAD_PARAMETER),
        ("[f(b=true)]", ParseReason.BAD_PARAMETER),
        ("<|python_start|>[f(n=1)]", ParseReason.UNCLOSED_CALL),
        ("[f(n=1)]<|python_end|>", ParseReason.UNCLOSED_CALL),
        ("<|python_start|>[]<|python_end|>", ParseReason.NOT_A_CALL),
        ("So: <|python_start|>[f(n=1)]<|python_end|>", ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("pythonic", text) is reason
