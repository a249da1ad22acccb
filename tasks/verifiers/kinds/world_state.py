"""`world_state`: both actions are executed in copies of the world at the state. The same state of the world after them
and the same observation pass.

The observation is what the world answers: the results of tools, or the scripted user's reply to a message.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.errors import InputError
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import same_action
from tasks.verifiers.comparing.screening import screen, unreadable
from tasks.verifiers.comparing.text import token_similarity
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, excerpt, no
from tasks.worlds.world import Episode, load

VERSION = 2
_REMEMBERED = 4096
"""Worlds that stay at their states, because training comes back to its pivots step after step."""


class WorldStateSettings(VerifierSection):
    """Both actions are executed in copies of the trajectory's world: the same state after them and, with `observation`,
    the same answer."""

    kind: Literal["world_state"] = "world_state"
    observation: bool = Field(True, description="Whether what the world answers must be equal too.")
    message_similarity: float = Field(
        0.0, ge=0, le=1, description="As `min_similarity` of `message`, for turns whose demonstration is a message."
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """After an action: a digest of the world, what it answered, and whether the episode ended."""

    digest: str
    observation: tuple[str, ...]
    done: bool


class _Worlds:
    """The world at each state, and the demonstration's outcome there; the oldest are dropped."""

    def __init__(self) -> None:
        self._at_state: OrderedDict[tuple[str, int], tuple[Episode, Outcome]] = OrderedDict()

    def at(self, state: State, demonstration: Action) -> tuple[Episode, Outcome]:
        """The episode at the state (copy it, never step it), and the demonstration's outcome.

        Raises:
            InputError: the world cannot be brought to that state.
        """
        key = (state.trajectory_id, state.turn_index)
        if key in self._at_state:
            return self._at_state[key]
        episode = load(state.world).replay(state.task_id, state.messages)
        self._at_state[key] = episode, outcome_of(episode, demonstration)
        if len(self._at_state) > _REMEMBERED:
            self._at_state.popitem(last=False)
        return self._at_state[key]


def outcome_of(episode: Episode, action: Action) -> Outcome:
    """The outcome of an action, in a copy of the episode."""
    copy = episode.copy()
    first_answer = len(copy.messages) + 1  # the action itself is the message before
    copy.step(action)
    return Outcome(copy.digest(), tuple(m["content"] for m in copy.messages[first_answer:]), copy.done)


def make(settings: WorldStateSettings) -> Verify:
    """The verifier."""
    worlds = _Worlds()

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if same_action(demonstration, action):
            return EQUAL
        if refused := unreadable(action):
            return refused
        if not state.world:
            return no(Reason.BAD_DEMONSTRATION, "the trajectory names no world to execute in")
        if not demonstration.tool_calls and settings.message_similarity:
            similarity = token_similarity(demonstration.content, action.content)
            if similarity < settings.message_similarity:
                return no(Reason.WRONG_TEXT, f"similarity {similarity:.2f}")
        try:
            episode, expected = worlds.at(state, demonstration)
        except (InputError, RecursionError) as error:  # the latter from arguments nested without end
            return no(Reason.BAD_DEMONSTRATION, str(error))
        outcome = outcome_of(episode, action)
        if (outcome.digest, outcome.done) != (expected.digest, expected.done):
            return no(Reason.WRONG_STATE)
        if settings.observation and outcome.observation != expected.observation:
            return no(Reason.WRONG_OBSERVATION, excerpt(outcome.observation))
        return EQUIVALENT

    return verify
