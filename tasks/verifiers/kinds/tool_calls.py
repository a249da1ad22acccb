"""`tool_calls`: as `tool_call`, with credit for some of several calls. Calls are an unordered multiset, matched as well
as can be; a surplus call costs as much as a missing one."""

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
    """As tool_call, with credit for some of several calls. Calls are matched whatever their order."""

    kind: Literal["tool_calls"] = "tool_calls"
    call: ToolCallSettings = ToolCallSettings()
    credit: Literal["binary", "fractional", "f1"] = Field(
        "binary", description="1 or 0; matched / the larger count; 2 matched / (expected + given)."
    )


def make(settings: ToolCallsSettings) -> Verify:
    """The verifier."""
    compare = tool_call.comparison(settings.call)
    whole = tool_call.make(settings.call)

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        wanted, given = demonstration.tool_calls, action.tool_calls
        if settings.credit == "binary" or not wanted or len(wanted) == len(given) == 1:
            return whole(state, demonstration, action)
        fits = [[compare(a, b, state).reward == 1.0 for b in given] for a in wanted]
        return _credited(settings.credit, maximum_matching(fits), len(wanted), len(given))

    return verify


def _credited(credit: str, matched: int, expected: int, given: int) -> Verdict:
    total = 2 * matched / (expected + given) if credit == "f1" else matched / max(expected, given)
    detail = f"{matched} of {expected} calls are matched, {given} were given"
    reason = Reason.EQUIVALENT if total == 1.0 else Reason.PARTIAL if matched else Reason.WRONG_ARGUMENT
    return Verdict(total, reason, detail)
