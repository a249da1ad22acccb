"""From a comparison of two calls to a verifier of turns: as many calls as were demonstrated, matched in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.chat import Action, State, ToolCall
from tasks.policy.parsing import Completion, strict_json
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.screening import arguments, screen
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, Verify, no

CompareCalls = Callable[[ToolCall, ToolCall, State], Verdict]
"""(demonstrated call, given call, state) to a verdict of reward 0 or 1."""
CompareMessages = Callable[[str, str], Verdict]
"""(demonstrated text, given text) to a verdict."""


def any_message(wanted: str, given: str) -> Verdict:
    """Where a message was demonstrated, any message passes."""
    return EQUAL if wanted.strip() == given.strip() else EQUIVALENT


def verifier(compare: CompareCalls, compare_messages: CompareMessages = any_message) -> Verify:
    """The verifier of turns in which each call must be met. The text beside calls does not matter."""

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        wanted, given = demonstration.tool_calls, action.tool_calls
        if not wanted:
            return compare_messages(demonstration.content, action.content)
        if len(wanted) != len(given):
            return no(Reason.CALL_COUNT, f"{len(given)} calls where {len(wanted)} were expected")
        if len(wanted) == 1:
            return compare(wanted[0], given[0], state)
        return _matched([[compare(a, b, state) for b in given] for a in wanted])

    return verify


def same_action(demonstration: Action, action: Action) -> bool:
    """Whether two actions are one; only white space around text and the spelling of JSON may differ."""
    if demonstration.content.strip() != action.content.strip():
        return False
    return same_calls(demonstration, action)


def same_calls(demonstration: Action, action: Action) -> bool:
    """Whether two actions make the same calls in the same order, whatever they say beside."""
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
        return repr(_ordered(strict_json(a["arguments"]))) == repr(_ordered(strict_json(b["arguments"])))
    except ValueError:
        return False


def _ordered(value: object) -> object:
    """The value with keys sorted; `repr` of it tells 1 from True and from 1.0."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def both_arguments(wanted: ToolCall, given: ToolCall) -> tuple[dict[str, Any], dict[str, Any]] | Verdict:
    """The arguments of both calls, or the verdict where one's cannot be read."""
    try:
        expected = arguments(wanted)
    except ValueError as error:
        return no(Reason.BAD_DEMONSTRATION, f"its arguments: {error}")
    try:
        return expected, arguments(given)
    except ValueError as error:
        return no(Reason.PARSE_FAILURE, f"arguments: {error}")


def wrong_tool(wanted: ToolCall, given: ToolCall) -> Verdict:
    """The verdict on a call of another tool."""
    return no(Reason.WRONG_TOOL, f"{given['name'][:100]} where {wanted['name']} was expected")


def _matched(verdicts: list[list[Verdict]]) -> Verdict:
    """The verdict on as many calls as were expected, given those of every pair."""
    matched = maximum_matching([[verdict.reward == 1.0 for verdict in row] for row in verdicts])
    if matched == len(verdicts):
        return EQUIVALENT
    unmatched = next((row for row in verdicts if not any(v.reward == 1.0 for v in row)), verdicts[-1])
    closest = next((v for v in unmatched if v.reward == 0.0 and v.reason is not Reason.WRONG_TOOL), unmatched[0])
    reason = closest.reason if closest.reward == 0.0 else Reason.WRONG_ARGUMENT
    return no(reason, f"{matched} of {len(verdicts)} calls are matched; {closest.detail}")
