"""MiniMax M2: one block of calls in XML."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import called, refusal


def block(*calls: str) -> str:
    inner = "".join(f'<invoke name="f">{call}</invoke>\n' for call in calls)
    return f"<minimax:tool_call>\n{inner}</minimax:tool_call>"


def parameter(name: str, value: str) -> str:
    return f'<parameter name="{name}">{value}</parameter>\n'


N = parameter("n", "17")


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"Now:\n{block(N + parameter('s', ' 17'))}", "Now:", [{"n": 17, "s": " 17"}]),
        (
            block("", parameter("o", '{"a": "</invoke>"}') + parameter("b", "true")),
            "",
            [{}, {"o": {"a": "</invoke>"}, "b": True}],
        ),
        (block(parameter("s", "<b>\n</minimax:tool_call>")), "", [{"s": "<b>\n</minimax:tool_call>"}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("minimax_m2", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (block(), ParseReason.UNCLOSED_CALL),
        (block(N).removesuffix("</minimax:tool_call>"), ParseReason.UNCLOSED_CALL),
        (block(N).removeprefix("<minimax:tool_call>"), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</invoke>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</invoke>", "</invoke> and", 1), ParseReason.UNCLOSED_CALL),
        (block(N + parameter("s", "x")).replace("</parameter>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N).replace('<invoke name="f">', "<invoke>"), ParseReason.UNCLOSED_CALL),
        (f"{block(N)}</invoke>", ParseReason.UNCLOSED_CALL),
        (block(N + N), ParseReason.BAD_PARAMETER),
        (block(N, parameter("n", "many")), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("minimax_m2", text) is reason
