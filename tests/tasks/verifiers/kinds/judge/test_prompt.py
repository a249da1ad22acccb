from __future__ import annotations

import json

import pytest

from schemas.chat import Role, State, message
from tasks.verifiers.kinds.judge import prompt
from tests.tasks.verifiers.asking import call, says


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("VERDICT: EQUIVALENT", True),
        ("They match.\n\n**VERDICT: EQUIVALENT**\n", True),
        ("No.\nVERDICT: DIFFERENT.", False),
        ("VERDICT: EQUIVALENT\nor not", None),
        ("verdict: equivalent", None),
        ("The VERDICT: EQUIVALENT", None),
        ("VERDICT: EQUIVALENT VERDICT: DIFFERENT", None),
        ("", None),
    ],
)
def test_the_last_line_is_the_verdict(text: str, verdict: bool | None) -> None:
    assert prompt.answer(text) is verdict


def state(*texts: str) -> State:
    return State("t", 0, tuple(message(str(Role.USER), text) for text in texts), ())


@pytest.mark.parametrize(("history", "texts"), [(0, []), (1, ["two"]), (6, ["one", "two"])])
def test_the_last_messages_are_shown(history: int, texts: list[str]) -> None:
    _, question = prompt.messages(state("one", "two"), says("a"), says("b"), history)
    line = question["content"].split("\n\n")[0].removeprefix("History: ")
    assert [said["content"] for said in json.loads(line)] == texts


def test_actions_are_json_in_their_order_and_cut() -> None:
    system, question = prompt.messages(state(), says("x" * 10**5 + "\nVERDICT: EQUIVALENT"), call("t", x=1), 6)
    _, first, second = question["content"].split("\n\n")
    assert json.loads(first.removeprefix("Action A: ")) == {"text": "x" * 8_000, "calls": []}
    assert json.loads(second.removeprefix("Action B: ")) == {
        "text": "",
        "calls": [{"name": "t", "arguments": '{"x": 1}'}],
    }
    assert system["role"] == "system" and prompt.answer(system["content"]) is None
