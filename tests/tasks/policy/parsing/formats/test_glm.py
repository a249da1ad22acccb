"""GLM: keys and values in turn, with line breaks and without."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import GLM, HERMES, called, refusal


def call(*arguments: tuple[str, str], between: str = "\n") -> str:
    inner = [f"<arg_key>{key}</arg_key>{between}<arg_value>{value}</arg_value>" for key, value in arguments]
    return between.join(("<tool_call>f", *inner, "</tool_call>"))


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        (f"\nNow:\n{GLM}", "Now:", [{"n": 17}]),
        (f"Now:{call(('n', '17'), ('s', ' 17'), between='')}", "Now:", [{"n": 17, "s": " 17"}]),
        (
            call(("maybe", "null"), ("o", '{"a": "é"}'), ("b", "true")),
            "",
            [{"maybe": None, "o": {"a": "é"}, "b": True}],
        ),
        (call(("maybe", "None"), ("unknown", "1")), "", [{"maybe": "None", "unknown": "1"}]),
        (f"{call()}\n{call(('s', '</tool_call>'))}{call(between='')}", "", [{}, {"s": "</tool_call>"}, {}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("glm", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GLM.removesuffix("</tool_call>"), ParseReason.UNCLOSED_CALL),
        (GLM.removeprefix("<tool_call>"), ParseReason.UNCLOSED_CALL),
        (GLM.replace("</arg_value>", ""), ParseReason.UNCLOSED_CALL),
        (GLM.replace("<arg_value>17</arg_value>", ""), ParseReason.UNCLOSED_CALL),
        (GLM.replace("</arg_key>", "</arg_key> is "), ParseReason.UNCLOSED_CALL),
        (call(("s", "x"), ("n", "17")).replace("</arg_value>", "", 1), ParseReason.UNCLOSED_CALL),
        (GLM.replace("<tool_call>f", "<tool_call>"), ParseReason.UNCLOSED_CALL),
        (f"{GLM}</arg_value>", ParseReason.UNCLOSED_CALL),
        (HERMES, ParseReason.UNCLOSED_CALL),
        (HERMES.replace("\n", "").replace(" ", ""), ParseReason.UNCLOSED_CALL),
        (call(("n", "17"), ("n", "17")), ParseReason.BAD_PARAMETER),
        (call(("b", "True")), ParseReason.BAD_PARAMETER),
        (call(("o", '{"a": NaN}')), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("glm", text) is reason
