from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.verifiers.kinds import ExactSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import call, calls, says, verdict


@pytest.mark.parametrize(
    ("expected", "actual", "reason"),
    [
        (says("Hello."), says(" Hello.\n"), Reason.EQUAL),
        (says("Hello."), says("hello."), Reason.WRONG_TEXT),
        (call("t", x=1, y=2), calls(("t", '{"y": 2,\n "x": 1}')), Reason.EQUAL),
        (call("t", x=1), call("t", x=1.0), Reason.WRONG_ARGUMENT),
        (call("t", x=1), call("t", x=True), Reason.WRONG_ARGUMENT),
        (call("t", x=1), call("u", x=1), Reason.WRONG_ARGUMENT),
        (call("t", x=1), calls(("t", '{"x": 2, "x": 1}')), Reason.WRONG_ARGUMENT),
        (calls(("t", {}), ("u", {})), calls(("u", {}), ("t", {})), Reason.WRONG_ARGUMENT),
        (call("t"), calls(("t", {}), ("t", {})), Reason.WRONG_ARGUMENT),
        (call("t"), says("t"), Reason.WRONG_KIND),
    ],
)
def test_only_white_space_and_the_spelling_of_json_may_differ(expected: Action, actual: Action, reason: Reason) -> None:
    answer = verdict(ExactSettings(), expected, actual)
    assert (answer.reward, answer.reason) == (float(reason is Reason.EQUAL), reason)


def test_the_text_beside_calls_counts() -> None:
    same_calls = call("t").tool_calls
    pair = Action(content="I look.", tool_calls=same_calls), Action(content="I search.", tool_calls=same_calls)
    assert verdict(ExactSettings(), *pair).reward == 0.0
