"""No calls: every completion is a message."""

from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.policy.parsing import FORMATS, ParseReason, parser_for
from tests.tasks.policy.parsing.completions import HERMES, ONE, refusal


@pytest.mark.parametrize("text", ["Just text.", HERMES, ONE, "[f(n=1)]", "</tool_call>"])
def test_what_looks_like_a_call_is_text(text: str) -> None:
    assert parser_for("none")(text) == Action(content=text)


@pytest.mark.parametrize("marks", sorted({marks for known in FORMATS.values() for marks in known.reasoning}))
def test_reasoning_between_any_marks_is_split_off(marks: tuple[str, str]) -> None:
    opened, closed = marks
    assert parser_for("none")(f"{opened}Hm.{closed}Yes.") == Action(content="Yes.", reasoning="Hm.")
    assert refusal("none", f"{opened}Hm.") is ParseReason.UNCLOSED_REASONING
