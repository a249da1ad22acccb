"""Hunyuan: one block of calls, with the suffix of its open models and without."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat import Action
from tasks.policy.parsing import ParseReason, parser_for
from tests.tasks.policy.parsing.completions import GLM, SAMPLES, called, refusal


def block(*calls: str) -> str:
    """The block around calls written like GLM's: key and value, line by line."""
    inner = "".join(f"<tool_call:opensource>f<tool_sep:opensource>\n{call}</tool_call:opensource>\n" for call in calls)
    return f"<tool_calls:opensource>\n{inner}</tool_calls:opensource>"


def argument(key: str, value: str) -> str:
    return f"<arg_key:opensource>{key}</arg_key:opensource>\n<arg_value:opensource>{value}</arg_value:opensource>\n"


N = argument("n", "17")


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"Now:{block(N + argument('s', '17'))}", "Now:", [{"n": 17, "s": "17"}]),
        (block("", argument("o", '{"a": [1]}'), argument("b", "true")), "", [{}, {"o": {"a": [1]}}, {"b": True}]),
        (
            block(argument("s", "<arg_value>\n</tool_calls:opensource>")),
            "",
            [{"s": "<arg_value>\n</tool_calls:opensource>"}],
        ),
        (block(N).replace(":opensource", ""), "", [{"n": 17}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("hunyuan", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (block(), ParseReason.UNCLOSED_CALL),
        (block(N).removesuffix("</tool_calls:opensource>"), ParseReason.UNCLOSED_CALL),
        (block(N).removeprefix("<tool_calls:opensource>"), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</tool_call:opensource>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N, N).replace("</tool_call:opensource>", "</tool_call:opensource> and", 1), ParseReason.UNCLOSED_CALL),
        (block(N, argument("s", "x")).replace("</arg_value:opensource>", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N).replace("<tool_sep:opensource>", ""), ParseReason.UNCLOSED_CALL),
        (block(N).replace(":opensource", "", 1), ParseReason.UNCLOSED_CALL),
        (block(N) + "<tool_calls>", ParseReason.UNCLOSED_CALL),
        (GLM, ParseReason.UNCLOSED_CALL),
        (block(N + N), ParseReason.BAD_PARAMETER),
        (block(N, argument("n", "many")), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("hunyuan", text) is reason


def test_reasoning_has_marks_of_its_own() -> None:
    action = parser_for("hunyuan")(f"<think:opensource>Hm.</think:opensource>{SAMPLES['hunyuan'][0]}")
    assert isinstance(action, Action) and action.reasoning == "Hm." and action.tool_calls
