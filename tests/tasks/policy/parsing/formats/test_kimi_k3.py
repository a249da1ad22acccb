"""Kimi-K3: a response and calls whose arguments say their types."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.policy.parsing import ParseReason
from tests.tasks.policy.parsing.completions import SAMPLES, called, refusal

ONE_CALL, TWO_CALLS = SAMPLES["kimi_k3"]
RESPONSE = "<|open|>response<|sep|>So:<|close|>response<|sep|>"


def typed(kind: str, value: str) -> str:
    """A call with one argument of a type."""
    argument = f'<|open|>argument key="a&amp;&quot;" type="{kind}"<|sep|>{value}<|close|>argument<|sep|>'
    call = f'<|open|>call tool="f" index="1"<|sep|>{argument}<|close|>call<|sep|>'
    return f"<|open|>tools<|sep|>{call}<|close|>tools<|sep|><|close|>message<|sep|>"


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        (RESPONSE, "So:", []),
        (f"<|open|>think<|sep|>Hm.<|close|>think<|sep|>{RESPONSE}<|close|>message<|sep|>", "So:", []),
        ("So:<|close|>response<|sep|>", "So:", []),
        (ONE_CALL, "So:", [{"n": 1, "s": 'two\n"lines"'}]),
        (TWO_CALLS, "", [{"n": 1}, {}]),
        (typed("boolean", "true"), "", [{'a&"': True}]),
        (typed("null", "null"), "", [{'a&"': None}]),
        (typed("array", "[1, {}]"), "", [{'a&"': [1, {}]}]),
        (typed("string", "[1]"), "", [{'a&"': "[1]"}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("kimi_k3", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("So:", ParseReason.UNCLOSED_CALL),
        (RESPONSE.removesuffix("<|close|>response<|sep|>"), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|close|>tools<|sep|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|open|>tools<|sep|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|close|>call<|sep|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|close|>argument<|sep|>", ""), ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace("<|close|>argument<|sep|>", "", 1), ParseReason.UNCLOSED_CALL),
        (ONE_CALL + " and", ParseReason.UNCLOSED_CALL),
        (ONE_CALL.replace('key="s"', 'key="n"'), ParseReason.BAD_PARAMETER),
        (typed("number", "true"), ParseReason.BAD_PARAMETER),
        (typed("boolean", "1"), ParseReason.BAD_PARAMETER),
        (typed("integer", "1"), ParseReason.BAD_PARAMETER),
        (typed("object", '{"k": 1, "k": 2}'), ParseReason.BAD_JSON),
        ("<|open|>tools<|sep|><|close|>tools<|sep|>", ParseReason.UNCLOSED_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("kimi_k3", text) is reason
