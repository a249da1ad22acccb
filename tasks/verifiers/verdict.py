"""What every kind of verifier is made of: its settings, its function, and the verdict that the function gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from schemas.chat import Action, State
from tasks.policy.parsing import Completion


class Reason(StrEnum):
    """Why a completion got its reward."""

    EQUAL = "equal"
    """The same action, word for word or value for value."""
    EQUIVALENT = "equivalent"
    """Another action with the same effect."""
    PARTIAL = "partial"
    """Some of several calls are the demonstrated ones."""
    PARSE_FAILURE = "parse_failure"
    """The completion, or the arguments of a call, cannot be read. The detail says why."""
    OVERLONG_REASONING = "overlong_reasoning"
    """The thought did not end within max_thinking_tokens, so that there is no action."""
    EMPTY = "empty"
    """Neither text nor a call."""
    WRONG_KIND = "wrong_kind"
    """A message where a call was expected, or a call where a message was."""
    WRONG_TOOL = "wrong_tool"
    """Another tool."""
    CALL_COUNT = "call_count"
    """More or fewer calls than expected, or more than can be matched in bounded time."""
    MISSING_ARGUMENT = "missing_argument"
    """An argument is absent: it is required, or the demonstration has it and no default stands for it."""
    EXTRA_ARGUMENT = "extra_argument"
    """An argument too many: the tool does not have it, or the demonstration lacks it and it is not its default."""
    WRONG_ARGUMENT = "wrong_argument"
    """An argument with another value."""
    WRONG_TEXT = "wrong_text"
    """A message that is not similar enough."""
    WRONG_STATE = "wrong_state"
    """The world ends in another state."""
    WRONG_OBSERVATION = "wrong_observation"
    """The world is in the same state and answered something else."""
    WRONG_RESULT = "wrong_result"
    """A query with another result, or a formula with another value."""
    NOT_RUN = "not_run"
    """A query or formula was refused, failed or took too long."""
    REFUSED = "refused"
    """A judge, or a user's function, says that it is not equivalent."""
    BAD_DEMONSTRATION = "bad_demonstration"
    """The demonstration itself cannot be used, so that only the same action is equal to it."""
    UNDECIDED = "undecided"
    """The judge or the user's function failed: no reward instead of a wrong one."""


NO_ACTION = frozenset({Reason.PARSE_FAILURE, Reason.OVERLONG_REASONING})
"""Reasons of completions that are no action."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reward in [0, 1], its reason, and a detail for a person to read.

    `reward` is None exactly where the reason is UNDECIDED. Such a sample enters no mean and no group.
    """

    reward: float | None
    reason: Reason
    detail: str = ""


Verify = Callable[[State, Action, Completion], Verdict]
"""`verify(state, demonstration, completion)`: pure, deterministic but for a judge. It raises on no completion."""


class VerifierSection(BaseModel):
    """The settings of a verifier. They refuse keys that they do not know, and never change after they were read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """The verifiers that it holds: those of a combination, none of any other kind."""
        return ()


Build = Callable[[VerifierSection], Verify]
"""Settings to the verifier, for a combination whose parts are to be built."""

EQUAL = Verdict(1.0, Reason.EQUAL)
EQUIVALENT = Verdict(1.0, Reason.EQUIVALENT)
EXCERPT = 200
"""Characters of a value that a detail quotes."""


def no(reason: Reason, detail: str = "") -> Verdict:
    """A reward of 0."""
    return Verdict(0.0, reason, detail)


def excerpt(value: object) -> str:
    """The beginning of a value, for a detail."""
    # A long text is cut before it is quoted: repr of a megabyte takes time.
    return repr(value[:EXCERPT] if isinstance(value, str) else value)[: EXCERPT + 2]
