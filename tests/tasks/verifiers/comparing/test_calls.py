from __future__ import annotations

import pytest

from schemas.chat import Action, State, ToolCall
from tasks.verifiers.comparing.calls import any_message, both_arguments, same_action, same_calls, verifier, wrong_tool
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, no
from tests.tasks.verifiers.asking import at, call, calls, says

COUNT = ToolCall(id="", name="t", arguments='{"x": 1}')


def same_name(expected: ToolCall, actual: ToolCall, _: State) -> Verdict:
    return EQUIVALENT if expected["name"] == actual["name"] else wrong_tool(expected, actual)


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (calls(("b", {}), ("a", {}), ("a", {})), Reason.EQUIVALENT),
        (calls(("a", {}), ("b", {}), ("b", {})), Reason.WRONG_TOOL),
        (calls(("a", {}), ("b", {})), Reason.CALL_COUNT),
        (says("a a b"), Reason.WRONG_KIND),
    ],
)
def test_every_call_must_be_made_in_any_order(actual: Action, reason: Reason) -> None:
    expected = calls(("a", {}), ("a", {}), ("b", {}))
    assert verifier(same_name)(at(), expected, actual).reason is reason


def test_the_detail_names_the_closest_call() -> None:
    def compare(expected: ToolCall, actual: ToolCall, _: State) -> Verdict:
        if expected["name"] != actual["name"]:
            return wrong_tool(expected, actual)
        return EQUAL if expected["arguments"] == actual["arguments"] else no(Reason.WRONG_ARGUMENT, "x differs")

    verdict = verifier(compare)(at(), calls(("a", {}), ("b", {"x": 1})), calls(("b", {"x": 2}), ("a", {})))
    assert (verdict.reason, verdict.detail) == (Reason.WRONG_ARGUMENT, "1 of 2 calls are matched; x differs")


def test_messages_are_compared_as_the_kind_says() -> None:
    assert verifier(same_name)(at(), says("a"), says("b")) == EQUIVALENT == any_message("a", "b")
    assert any_message("a", " a ") == EQUAL
    strict = verifier(same_name, lambda expected, actual: EQUAL if expected == actual else no(Reason.WRONG_TEXT))
    assert strict(at(), says("a"), says("b")).reason is Reason.WRONG_TEXT


def test_arguments_that_cannot_be_read_are_the_fault_of_one_side() -> None:
    broken = ToolCall(id="", name="t", arguments="{")
    assert both_arguments(COUNT, COUNT) == ({"x": 1}, {"x": 1})
    for pair, reason in (((broken, COUNT), Reason.BAD_DEMONSTRATION), ((COUNT, broken), Reason.PARSE_FAILURE)):
        verdict = both_arguments(*pair)
        assert isinstance(verdict, Verdict) and (verdict.reward, verdict.reason) == (0.0, reason)


def test_the_same_action() -> None:
    beside = Action(content="I look.", tool_calls=call("t", x=1).tool_calls)
    assert same_calls(call("t", x=1), beside) and not same_action(call("t", x=1), beside)
    assert same_action(call("t", x={"a": 1, "b": 2}), calls(("t", '{"x": {"b": 2, "a": 1}}')))
    assert not same_calls(call("t", x=1), call("t", x=1.0))
    assert same_calls(calls(("t", "{")), calls(("t", "{"))) and not same_calls(calls(("t", "{")), call("t"))
