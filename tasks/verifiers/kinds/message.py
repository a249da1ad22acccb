"""`message`: for a message, one that is similar enough; for a call, only the same call.

To have a judge compare the other messages, put a `judge` behind this kind in a `cascade`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import same_calls
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.comparing.text import token_similarity
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify, no

VERSION = 2


class MessageSettings(VerifierSection):
    """For a demonstrated message, one that is similar enough; for a demonstrated call, only the same call."""

    kind: Literal["message"] = "message"
    min_similarity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Similarity of words with the demonstrated text that a message must reach; 0 = any message.",
    )


def compare(demonstration: Action, action: Action, min_similarity: float) -> Verdict:
    """The verdict on a message where a message was demonstrated."""
    if demonstration.content.strip() == action.content.strip():
        return EQUAL
    if min_similarity == 0:
        return Verdict(1.0, Reason.EQUIVALENT, "any message")
    similarity = token_similarity(demonstration.content, action.content)
    if similarity >= min_similarity:
        return Verdict(1.0, Reason.EQUIVALENT, f"similarity {similarity:.2f}")
    return no(Reason.WRONG_TEXT, f"similarity {similarity:.2f} is under {min_similarity:.2f}")


def only_the_same(demonstration: Action, action: Action) -> Verdict:
    """The verdict on calls."""
    if same_calls(demonstration, action):
        return EQUAL
    return no(Reason.WRONG_ARGUMENT, "a call was demonstrated, and this kind takes only the same one")


def make(settings: MessageSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if demonstration.tool_calls:
            return only_the_same(demonstration, action)
        return compare(demonstration, action, settings.min_similarity)

    return verify
