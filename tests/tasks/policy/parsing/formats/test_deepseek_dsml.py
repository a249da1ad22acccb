"""DeepSeek's DSML: each parameter says whether it is a text."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


def block(*calls: str, name: str = "function_calls") -> str:
    inner = "".join(f'<｜DSML｜invoke name="f">\n{call}</｜DSML｜invoke>\n' for call in calls)
    return f"<｜DSML｜{name}>\n{inner}</｜DSML｜{name}>"


def parameter(name: str, value: str, string: str = "false") -> str:
    return f'<｜DSML｜parameter name="{name}" string="{string}">{value}</｜DSML｜parameter>\n'


N = parameter("n", "17")


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"Now:\n\n{block(N + parameter('s', ' 17', 'true'))}", "Now:", [{"n": 17, "s": " 17"}]),
        (block("\n", parameter("o", '{"a": [null]}'), name="tool_calls"), "", [{}, {"o": {"a": [None]}}]),
        (block(parameter("s", "</invoke></｜DSML｜invoke>", "true")), "", [{"s": "</invoke></｜DSML｜invoke>"}]),
        (block(parameter("n", "17", "true")), "", [{"n": "17"}]),
        (block(N, name="calls").replace("｜DSML｜", "｜DSML｜ "), "", [{"n": 17}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("deepseek_dsml", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (block(), ParseReason.UNCLOSED_CALL),
        (block(N).removesuffix("</｜DSML｜function_calls>"), ParseReason.UNCLOSED_CALL),
        (block(N).removeprefix("<｜DSML｜function_calls>"), ParseReason.UNCLOSED_CALL),
        (block(N).replace("/｜DSML｜function_calls", "/｜DSML｜tool_calls"), ParseReason.UNCLOSED_CALL),
        (block(N) + block(N, name="tool_calls"), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</｜DSML｜invoke>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</｜DSML｜invoke>", "</｜DSML｜invoke> and", 1), ParseReason.UNCLOSED_CALL),
        (block(N + parameter("s", "x", "true")).replace("</｜DSML｜parameter>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N).replace(' string="false"', ""), ParseReason.UNCLOSED_CALL),
        (block(N).replace("false", "no"), ParseReason.UNCLOSED_CALL),
        (block(N, name="toolcalls"), ParseReason.UNCLOSED_CALL),
        ("<｜DSML｜tool_calls", ParseReason.UNCLOSED_CALL),
        (block(N + N), ParseReason.BAD_PARAMETER),
        (block(parameter("s", "x")), ParseReason.BAD_PARAMETER),
        (block(parameter("s", '"x"')), ParseReason.BAD_PARAMETER),
        (block(parameter("o", '{"a": 1, "a": 2}')), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("deepseek_dsml", text) is reason
