from __future__ import annotations

import pytest

from schemas.chat import Action, Role, State, as_action
from tasks.verifiers.build import build
from tasks.verifiers.kinds import WorldStateSettings
from tasks.verifiers.verdict import Reason, Verify
from tasks.worlds.world import load
from tests.tasks.verifiers.asking import at, call, calls, says

DESK = load("desk")
TASK = DESK.task_ids("train", 1, 0)[0]
MESSAGES = DESK.demonstrate(TASK, 0)


def states() -> list[tuple[State, Action]]:
    pairs = []
    for index, said in enumerate(MESSAGES):
        if said["role"] == Role.ASSISTANT:
            state = State("t", len(pairs), tuple(MESSAGES[:index]), DESK.tools, task_id=TASK, world="desk")
            pairs.append((state, as_action(said)))
    return pairs


@pytest.fixture
def verify() -> Verify:
    return build(WorldStateSettings())


def test_trying_actions_leaves_the_world_as_it_was(verify: Verify) -> None:
    for state, demonstration in states():
        before = verify(state, demonstration, calls(("get_user", {"user_id": "nobody"})))
        for _, other in states():
            verify(state, demonstration, other)
        assert verify(state, demonstration, demonstration).reward == 1.0
        assert verify(state, demonstration, calls(("get_user", {"user_id": "nobody"}))) == before


def test_the_call_without_arguments_and_another_tool_fail(verify: Verify) -> None:
    calling = [pair for pair in states() if pair[1].tool_calls]
    assert calling
    for state, demonstration in calling:
        name = demonstration.tool_calls[0]["name"]
        assert verify(state, demonstration, call(name)).reward == 0.0
        assert verify(state, demonstration, calls((name, '{"user'))).reward == 0.0
        assert verify(state, demonstration, call("no_such_tool")).reward == 0.0
        assert verify(state, demonstration, says(f"I call {name}.")).reason is Reason.WRONG_KIND


def test_a_world_that_cannot_be_brought_there_is_a_verdict(verify: Verify) -> None:
    assert verify(at(), call("t", x=1), call("t", x=2)).reason is Reason.BAD_DEMONSTRATION
    lost = State("x", 0, (), (), task_id="desk/nowhere/1", world="desk")
    assert verify(lost, call("t", x=1), call("t", x=2)).reason is Reason.BAD_DEMONSTRATION


def test_arguments_without_end_are_a_verdict(verify: Verify) -> None:
    state, demonstration = next(pair for pair in states() if pair[1].tool_calls)
    endless = calls((demonstration.tool_calls[0]["name"], '{"user_id": ' + "[" * 100_000))
    assert verify(state, demonstration, endless).reason is Reason.PARSE_FAILURE
    assert verify(state, endless, demonstration).reward == 0.0
    assert verify(state, endless, endless).reward == 1.0


def test_messages_by_similarity_where_asked() -> None:
    state, demonstration = next(pair for pair in states() if not pair[1].tool_calls)
    strict = build(WorldStateSettings(message_similarity=0.9))
    assert strict(state, demonstration, says("unrelated words entirely")).reason is Reason.WRONG_TEXT
    assert strict(state, demonstration, demonstration).reward == 1.0
