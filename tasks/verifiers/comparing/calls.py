"""From a comparison of two calls to a verifier of turns: as many calls as were demonstrated, in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.chat import Action, State, ToolCall
from tasks.policy.parsing import Completion, strict_json
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.screening import arguments, screen
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, Verify, no

CompareCalls = Callable[[ToolCall, ToolCall, State], Verdict]
"""(expected call, actual call, state) to a verdict of reward 0 or 1. Expected is what the demonstration has."""
CompareMessages = Callable[[str, str], Verdict]
"""(expected text, actual text) to a verdict."""


def any_message(expected: str, actual: str) -> Verdict:
    """Where a message was demonstrated, any message passes."""
    return EQUAL if expected.strip() == actual.strip() else EQUIVALENT


def verifier(compare: CompareCalls, compare_messages: CompareMessages = any_message) -> Verify:
    """The verifier of turns: each expected call must be made. The text beside calls does not matter."""

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        expected, actual = demonstration.tool_calls, action.tool_calls
        if not expected:
            return compare_messages(demonstration.content, action.content)
        if len(expected) != len(actual):
            return no(Reason.CALL_COUNT, f"{len(actual)} calls where {len(expected)} were expected")
        if len(expected) == 1:
            return compare(expected[0], actual[0], state)
        return _match([[compare(a, b, state) for b in actual] for a in expected])

    return verify


def same_action(demonstration: Action, action: Action) -> bool:
    """Whether two actions are the same. Only white space around text and the spelling of JSON may differ."""
    if demonstration.content.strip() != action.content.strip():
        return False
    return same_calls(demonstration, action)


def same_calls(demonstration: Action, action: Action) -> bool:
    """Whether two actions make the same calls in the same order, whatever text stands beside them."""
    if len(demonstration.tool_calls) != len(action.tool_calls):
        return False
    calls = zip(demonstration.tool_calls, action.tool_calls, strict=True)
    return all(_same_call(a, b) for a, b in calls)


def _same_call(a: ToolCall, b: ToolCall) -> bool:
    if a["name"] != b["name"]:
        return False
    if a["arguments"] == b["arguments"]:
        return True
    try:
        # `==` takes 1, 1.0 and True for equal; `repr` tells them apart.
        return repr(_ordered(strict_json(a["arguments"]))) == repr(_ordered(strict_json(b["arguments"])))
    except ValueError:
        return False


def _ordered(value: object) -> object:
    """The value with its keys sorted."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def both_arguments(expected: ToolCall, actual: ToolCall) -> tuple[dict[str, Any], dict[str, Any]] | Verdict:
    """The arguments of both calls, or the verdict where those of one cannot be read."""
    try:
        expected_arguments = arguments(expected)
    except ValueError as error:
        return no(Reason.BAD_DEMONSTRATION, f"its arguments: {error}")
    try:
        return expected_arguments, arguments(actual)
    except ValueError as error:
        return no(Reason.PARSE_FAILURE, f"arguments: {error}")


def wrong_tool(expected: ToolCall, actual: ToolCall) -> Verdict:
    """The verdict on a call of another tool."""
    return no(Reason.WRONG_TOOL, f"{actual['name'][:100]} where {expected['name']} was expected")


def _match(verdicts: list[list[Verdict]]) -> Verdict:
    """The verdict on as many calls as were expected, from the verdicts on every pair (one row per expected call)."""
    matched = maximum_matching([[verdict.reward == 1.0 for verdict in row] for row in verdicts])
    if matched == len(verdicts):
        return EQUIVALENT
    unmatched = next((row for row in verdicts if not any(v.reward == 1.0 for v in row)), verdicts[-1])
    closest = next((v for v in unmatched if v.reward == 0.0 and v.reason is not Reason.WRONG_TOOL), unmatched[0])
    reason = closest.reason if closest.reward == 0.0 else Reason.WRONG_ARGUMENT
    return no(reason, f"{matched} of {len(verdicts)} calls are matched; {closest.detail}")
