from __future__ import annotations

import pytest

from schemas.chat import Action, ToolCall
from tasks.policy.parsing import ParseFailure, ParseReason
from tasks.verifiers.comparing.screening import MOST_CALLS, arguments, screen, unreadable
from tasks.verifiers.verdict import Reason, Verdict
from tests.tasks.verifiers.asking import call, calls, says

MANY = calls(*[("t", {})] * (MOST_CALLS + 1))


@pytest.mark.parametrize(
    ("demonstration", "completion", "reason"),
    [
        (call("t"), call("u"), None),
        (says("a"), says("b"), None),
        (call("t"), says("b"), Reason.WRONG_KIND),
        (says("a"), call("t"), Reason.WRONG_KIND),
        (call("t"), Action(), Reason.EMPTY),
        (says("a"), says(" \n"), Reason.EMPTY),
        (says("a"), ParseFailure(ParseReason.BAD_JSON, "line 1"), Reason.PARSE_FAILURE),
        (says("a"), ParseFailure(ParseReason.OVERLONG_REASONING, ""), Reason.OVERLONG_REASONING),
        (call("t"), MANY, Reason.CALL_COUNT),
        (MANY, MANY, None),
    ],
)
def test_only_an_action_of_the_demonstrated_sort_is_compared(
    demonstration: Action, completion: Action | ParseFailure, reason: Reason | None
) -> None:
    screened = screen(demonstration, completion)
    if reason is None:
        assert screened is completion
    else:
        assert isinstance(screened, Verdict) and (screened.reward, screened.reason) == (0.0, reason)


@pytest.mark.parametrize(("text", "values"), [("", {}), ("{}", {}), ('{"x": [1]}', {"x": [1]})])
def test_arguments(text: str, values: dict[str, object]) -> None:
    assert arguments(ToolCall(id="", name="t", arguments=text)) == values


@pytest.mark.parametrize("text", ["[]", "null", "1", "{", '{"x": 1, "x": 2}', '{"x": NaN}'])
def test_arguments_that_are_no_object(text: str) -> None:
    action = calls(("t", "{}"), ("t", text))
    with pytest.raises(ValueError, match=r"."):
        arguments(action.tool_calls[1])
    verdict = unreadable(action)
    assert verdict is not None and verdict.reason is Reason.PARSE_FAILURE and "call 1" in verdict.detail
    assert unreadable(call("t", x=1)) is None
