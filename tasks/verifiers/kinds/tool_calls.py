"""`tool_calls`: as `tool_call`, with credit for some of several calls. Calls are matched in any order. A surplus call
costs as much as a missing one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.kinds import tool_call
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import Reason, Verdict, VerifierSection, Verify

VERSION = 1


class ToolCallsSettings(VerifierSection):
    """As tool_call, with credit for some of several calls. Calls are matched in any order."""

    kind: Literal["tool_calls"] = "tool_calls"
    call: ToolCallSettings = ToolCallSettings()
    credit: Literal["binary", "fractional", "f1"] = Field(
        "binary",
        description="binary: 1 or 0; fractional: matched / the larger count; f1: 2 matched / (expected + sampled).",
    )


def make(settings: ToolCallsSettings) -> Verify:
    """The verifier."""
    compare = tool_call.comparison(settings.call)
    all_or_nothing = tool_call.make(settings.call)

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        expected, actual = demonstration.tool_calls, action.tool_calls
        if settings.credit == "binary" or not expected or len(expected) == len(actual) == 1:
            return all_or_nothing(state, demonstration, action)
        fits = [[compare(a, b, state).reward == 1.0 for b in actual] for a in expected]
        return _credit(settings.credit, maximum_matching(fits), len(expected), len(actual))

    return verify


def _credit(credit: str, matched: int, expected: int, actual: int) -> Verdict:
    """The verdict on so many matched calls, of so many expected and so many sampled."""
    reward = 2 * matched / (expected + actual) if credit == "f1" else matched / max(expected, actual)
    detail = f"{matched} of {expected} calls are matched, {actual} were given"
    reason = Reason.EQUIVALENT if reward == 1.0 else Reason.PARTIAL if matched else Reason.WRONG_ARGUMENT
    return Verdict(reward, reason, detail)
