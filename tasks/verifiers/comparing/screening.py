"""What every kind asks first: is the completion an action, and of the sort that was demonstrated? Here too: the one way
to read the arguments of a call."""

from __future__ import annotations

from typing import Any

from schemas.chat import Action, ActionKind, ToolCall
from tasks.policy.parsing import Completion, ParseFailure, ParseReason, strict_json
from tasks.verifiers.verdict import Reason, Verdict, no

MOST_CALLS = 64
"""Calls of one turn at most, because matching compares every pair. Real turns have up to 9."""


def screen(demonstration: Action, completion: Completion) -> Action | Verdict:
    """The completion as an action to compare, or the verdict that makes comparing pointless."""
    if isinstance(completion, ParseFailure):
        if completion.reason is ParseReason.OVERLONG_REASONING:
            return no(Reason.OVERLONG_REASONING, completion.detail)
        return no(Reason.PARSE_FAILURE, f"{completion.reason.value}: {completion.detail}")
    if bool(completion.tool_calls) != bool(demonstration.tool_calls):
        if completion.kind is ActionKind.EMPTY:
            return no(Reason.EMPTY)
        return no(Reason.WRONG_KIND, f"a {completion.kind.value} where a {demonstration.kind.value} was expected")
    if not completion.tool_calls and completion.kind is ActionKind.EMPTY:
        return no(Reason.EMPTY)
    if len(completion.tool_calls) > max(MOST_CALLS, len(demonstration.tool_calls)):
        return no(Reason.CALL_COUNT, f"{len(completion.tool_calls)} calls; at most {MOST_CALLS} are looked at")
    return completion


def arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call; an empty text is an empty object.

    Raises:
        ValueError: not a JSON object.
    """
    value = strict_json(call["arguments"]) if call["arguments"] else {}
    if not isinstance(value, dict):
        raise ValueError(f"the arguments are {type(value).__name__}, not an object")
    return value


def unreadable(action: Action) -> Verdict | None:
    """The verdict on an action with arguments that are no JSON object; None where all can be read."""
    for position, call in enumerate(action.tool_calls):
        try:
            arguments(call)
        except ValueError as error:
            return no(Reason.PARSE_FAILURE, f"arguments of call {position}: {error}")
    return None
