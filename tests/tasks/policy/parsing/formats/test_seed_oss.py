"""Seed-OSS: values right between their tags, lists as Python prints them."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat import Action
from tasks.policy.parsing import ParseReason, parser_for
from tests.tasks.policy.parsing.completions import SEED, called, refusal


def xml(*parameters: tuple[str, str]) -> str:
    inner = "".join(f"<parameter={name}>{value}</parameter>\n" for name, value in parameters)
    return f"<seed:tool_call>\n<function=f>\n{inner}</function>\n</seed:tool_call>"


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        ("Just text.", "Just text.", []),
        ("\nNow:\n\n" + xml(("n", "17"), ("s", " two\nlines\n")), "Now:", [{"n": 17, "s": " two\nlines\n"}]),
        (
            xml(("o", "{'a': [True, None, \"it's\"]}"), ("b", "False")),
            "",
            [{"o": {"a": [True, None, "it's"]}, "b": False}],
        ),
        (xml(("o", '{"a": true}'), ("maybe", "None")), "", [{"o": {"a": True}, "maybe": None}]),
        (f"{xml()}\n{xml(('s', '</seed:tool_call>'))}", "", [{}, {"s": "</seed:tool_call>"}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("seed_oss", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SEED.removesuffix("</seed:tool_call>"), ParseReason.UNCLOSED_CALL),
        (SEED.removeprefix("<seed:tool_call>"), ParseReason.UNCLOSED_CALL),
        (SEED.replace("</parameter>", ""), ParseReason.UNCLOSED_CALL),
        (SEED.replace("seed:", ""), ParseReason.UNCLOSED_CALL),
        (xml(("n", "17"), ("n", "17")), ParseReason.BAD_PARAMETER),
        (xml(("o", "{'a': 1, 'a': 2}")), ParseReason.BAD_PARAMETER),
        (xml(("n", "many")), ParseReason.BAD_PARAMETER),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("seed_oss", text) is reason


def test_reasoning_has_marks_of_its_own() -> None:
    action = parser_for("seed_oss")(f"<seed:think>Hm.</seed:think>\n{SEED}")
    assert isinstance(action, Action) and action.reasoning == "Hm." and action.tool_calls
