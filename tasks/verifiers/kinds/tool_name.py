"""`tool_name`: the same tools as often, whatever their arguments: the paper's "deliberately coarse" verifier for
software engineering.

Under this kind all calls of a wrapper tool (`execute_tool{server, tool, params}`) are equal; use `tool_call` there. The
arguments must be readable all the same: a truncated call is no call.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import same_calls
from tasks.verifiers.comparing.screening import screen, unreadable
from tasks.verifiers.controls import READABLE_CALLS
from tasks.verifiers.verdict import EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no

VERSION = 2
NOT_JUNK = READABLE_CALLS


class ToolNameSettings(VerifierSection):
    """The same tools, whatever their arguments: the paper's coarse verifier for software engineering."""

    kind: Literal["tool_name"] = "tool_name"


def make(_: ToolNameSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        expected = Counter(call["name"] for call in demonstration.tool_calls)
        actual = Counter(call["name"] for call in action.tool_calls)
        if expected != actual:
            return no(Reason.WRONG_TOOL, f"{' + '.join(actual)[:200]} where {' + '.join(expected)} was expected")
        if same_calls(demonstration, action):
            return EQUIVALENT
        return unreadable(action) or EQUIVALENT

    return verify
