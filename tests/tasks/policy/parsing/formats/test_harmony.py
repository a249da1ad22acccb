"""Harmony: messages in channels, of which the prompt has begun the first."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat import Action
from tasks.policy.parsing import ParseReason, parser_for
from tests.tasks.policy.parsing.completions import called, refusal

CALL = '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"n": 1}'
FINAL = "<|channel|>final<|message|>Yes."


@pytest.mark.parametrize(
    ("text", "content", "arguments"),
    [
        (FINAL, "Yes.", []),
        (f"<|start|>assistant{FINAL}<|return|>", "Yes.", []),
        ('<|channel|>final <|constrain|>json<|message|>{"a": 1}', '{"a": 1}', []),
        (CALL, "", [{"n": 1}]),
        (f"{CALL}<|call|>", "", [{"n": 1}]),
        (CALL.replace("1", '"<|call|>"') + "<|call|>", "", [{"n": "<|call|>"}]),
        ("", "", []),
        (' to=functions.f<|channel|>commentary json<|message|>{"n": 1}<|call|>', "", [{"n": 1}]),
        ("<|channel|>commentary to=functions.f<|message|>{}", "", [{}]),
        (f"<|channel|>commentary<|message|>So:<|end|><|start|>assistant{CALL}", "So:", [{"n": 1}]),
        (f"{CALL}<|call|><|start|>assistant{CALL}", "", [{"n": 1}, {"n": 1}]),
    ],
)
def test_well_formed(text: str, content: str, arguments: list[dict[str, Any]]) -> None:
    assert called("harmony", text) == (content, arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Yes.", ParseReason.UNCLOSED_CALL),
        ("<|channel|>final", ParseReason.UNCLOSED_CALL),
        ("<|channel|>other<|message|>Yes.", ParseReason.UNCLOSED_CALL),
        (f"So:{FINAL}", ParseReason.UNCLOSED_CALL),
        (f"{FINAL}{CALL}", ParseReason.UNCLOSED_CALL),
        (f"{FINAL}<|end|>{CALL}", ParseReason.UNCLOSED_CALL),
        (f"{FINAL}<|end|><|start|>user<|message|>No.", ParseReason.UNCLOSED_CALL),
        (f"{FINAL}<|call|>", ParseReason.UNCLOSED_CALL),
        (f"{CALL}<|end|>", ParseReason.UNCLOSED_CALL),
        (f"{CALL} and<|call|>", ParseReason.UNCLOSED_CALL),
        (f"{CALL}<|call|> and", ParseReason.UNCLOSED_CALL),
        (CALL.removesuffix("}"), ParseReason.BAD_JSON),
        (CALL.replace('"n": 1', '"n": 1, "n": 2'), ParseReason.BAD_JSON),
        (CALL.replace('{"n": 1}', "[1]"), ParseReason.NOT_A_CALL),
        (CALL.replace("functions.f", "python"), ParseReason.NOT_A_CALL),
        (CALL.replace("functions.f", "functions."), ParseReason.NOT_A_CALL),
        (CALL.replace("commentary", "analysis"), ParseReason.NOT_A_CALL),
        (f" to=functions.f{CALL}", ParseReason.NOT_A_CALL),
        ("<|channel|>analysis<|message|>Hm.", ParseReason.UNCLOSED_REASONING),
        (f"<|channel|>analysis<|message|>Hm.{CALL}", ParseReason.UNCLOSED_REASONING),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("harmony", text) is reason


def test_analysis_is_reasoning() -> None:
    thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    assert parser_for("harmony")(f"{thought}{thought}{FINAL}") == Action(content="Yes.", reasoning="Hm.\nHm.")
