"""`exact`: the same text, and the same calls with the same arguments in the same order. The strict-match ablation."""

from __future__ import annotations

from schemas.chat import Action, State, ToolCall
from schemas.verifiers import ExactSettings
from tasks.policy.parsing import Completion, strict_json
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, Verify, no

VERSION = 2


def same(demonstration: Action, action: Action) -> bool:
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


def make(_: ExactSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if same(demonstration, action):
            return EQUAL
        reason = Reason.WRONG_ARGUMENT if demonstration.tool_calls else Reason.WRONG_TEXT
        return no(reason, "not the same action")

    return verify
