"""`exact`: the same text, and the same calls with the same arguments in the same order: the strict-match ablation."""

from __future__ import annotations

from typing import Literal

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import same_action
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify, no

VERSION = 2


class ExactSettings(VerifierSection):
    """The same calls with the same arguments in the same order and the same text: the strict-match ablation."""

    kind: Literal["exact"] = "exact"


def make(_: ExactSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if same_action(demonstration, action):
            return EQUAL
        reason = Reason.WRONG_ARGUMENT if demonstration.tool_calls else Reason.WRONG_TEXT
        return no(reason, "not the same action")

    return verify
