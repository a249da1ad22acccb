"""MiniCPM5: calls in XML, texts in CDATA where they need it."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


def call(*parameters: tuple[str, str]) -> str:
    inner = "".join(f'<param name="{name}">{value}</param>' for name, value in parameters)
    return f'<function name="f">{inner}</function>'


N = call(("n", "17"))


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"Now:\n{call(('n', '17'), ('s', '17'))}\n{call()}", "Now:", [{"n": 17, "s": "17"}, {}]),
        (call(("s", '<![CDATA[<param name="n">\n</param>]]>')), "", [{"s": '<param name="n">\n</param>'}]),
        (call(("o", "{'a': ['<b>', None]}"), ("b", "True")), "", [{"o": {"a": ["<b>", None]}, "b": True}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("minicpm5", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (N.removesuffix("</function>"), ParseReason.UNCLOSED_CALL),
        (N.replace('<function name="f">', ""), ParseReason.UNCLOSED_CALL),
        (N.replace('<function name="f">', "<function>"), ParseReason.UNCLOSED_CALL),
        (call(("n", "17"), ("s", "x")).replace("</param>", "", 1), ParseReason.UNCLOSED_CALL),
        (call(("s", "<![CDATA[x")), ParseReason.UNCLOSED_CALL),
        (call(("s", "<![CDATA[x]]> y")), ParseReason.UNCLOSED_CALL),
        (N.replace("</param>", "</param> and"), ParseReason.UNCLOSED_CALL),
        (f"{N}</function>", ParseReason.UNCLOSED_CALL),
        (f"{N}<function name", ParseReason.UNCLOSED_CALL),
        (call(("n", "17"), ("n", "17")), ParseReason.BAD_PARAMETER),
        (call(("n", "many")), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("minicpm5", text) is reason
