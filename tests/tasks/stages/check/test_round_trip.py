"""A demonstration written as the policy would and read back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.chat import Action, Role, State, message
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.stages.check.round_trip import empty_thoughts, round_trip
from tasks.states.example import Example
from tests.builders import call
from tests.tasks.policy.thinking import PREFILLED, WRITTEN

SILENT = (Action("It has shipped."), Action(tool_calls=(call(),)), Action("Yes.", reasoning=" \n"))
THOUGHTFUL = (Action("It has shipped.", reasoning="Tell them."), Action("", "Look.", (call(),)))


def empty_thoughts_of(chat: ChatFormat, *demonstrations: Action) -> int:
    question = (message(Role.USER, "Where is order 17?"),)
    examples = [Example(State(f"t{i}", 0, question, ()), action) for i, action in enumerate(demonstrations)]
    trips = [round_trip(chat, example) for example in examples]
    assert all(trip.reason is None for trip in trips), trips
    return empty_thoughts(chat.parser.format.reasoning, examples, trips)


@pytest.mark.parametrize("template", [PREFILLED, WRITTEN], ids=["the prompt opens it", "the action opens it"])
def test_an_empty_thought_is_what_the_policy_would_learn_to_write(template: str, tmp_path: Path) -> None:
    shutil.copytree(DESK, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "model" / "chat_template.jinja").write_text(template)
    chat = ChatFormat(tmp_path / "model")
    assert empty_thoughts_of(chat, *SILENT, *THOUGHTFUL) == len(SILENT)
    off = ChatFormat(tmp_path / "model", options={"enable_thinking": False})
    assert empty_thoughts_of(off, *SILENT) == 0, "the prompt has the empty thought, and no action writes it"


def test_a_template_without_thoughts_writes_no_empty_one() -> None:
    assert empty_thoughts_of(ChatFormat(DESK), *SILENT, *THOUGHTFUL) == 0
