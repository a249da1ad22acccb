"""`tool_name`: the same tools as often, whatever their arguments. The paper's "deliberately coarse" one for software
engineering.

A wrapper tool (`execute_tool{server, tool, params}`) makes every call equal under this kind; use `tool_call` there. The
arguments must be readable all the same: a truncated call is no call.
"""

from __future__ import annotations

from collections import Counter

from schemas.chat import Action, State
from schemas.verifiers import ToolNameSettings
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.screening import screen, unreadable
from tasks.verifiers.kinds.exact import same_calls
from tasks.verifiers.verdict import EQUIVALENT, Reason, Verdict, Verify, no

VERSION = 2


def make(_: ToolNameSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        wanted = Counter(call["name"] for call in demonstration.tool_calls)
        given = Counter(call["name"] for call in action.tool_calls)
        if wanted != given:
            return no(Reason.WRONG_TOOL, f"{' + '.join(given)[:200]} where {' + '.join(wanted)} was expected")
        if same_calls(demonstration, action):
            return EQUIVALENT
        return unreadable(action) or EQUIVALENT

    return verify
