"""`world_state`: both actions are executed in copies of the world at that state; the same state and the same
observation pass.

The observation is what the world answers: tool results, or the scripted user's reply to a message.
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
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no, shown
from tasks.worlds.world import Episode, load

VERSION = 2
_REMEMBERED = 4096
"""Worlds kept at their states: a training loop comes back to its pivots step after step."""


class WorldStateSettings(VerifierSection):
    """Both actions executed in copies of the trajectory's world: the same state and, with `observation`, the same
    results."""

    kind: Literal["world_state"] = "world_state"
    observation: bool = Field(True, description="Whether the tools' results must be equal too.")
    message_similarity: float = Field(
        0.0, ge=0, le=1, description="As `min_similarity` of `message`, for the turns whose demonstration is a message."
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action leads to: a digest of the world, what it answered, and whether the episode ended."""

    digest: str
    observation: tuple[str, ...]
    done: bool


class _Worlds:
    """The world at each state, and what the demonstration leads to there."""

    def __init__(self) -> None:
        self._before: OrderedDict[tuple[str, int], tuple[Episode, Outcome]] = OrderedDict()

    def at(self, state: State, demonstration: Action) -> tuple[Episode, Outcome]:
        """The episode as it stands at the state (to be copied, never stepped), and the demonstration's outcome.

        Raises:
            InputError: the world cannot be brought to that state.
        """
        key = (state.trajectory_id, state.turn_index)
        found = self._before.get(key)
        if found is None:
            episode = load(state.world).replay(state.task_id, state.messages)
            found = episode, after(episode, demonstration)
            self._before[key] = found
            if len(self._before) > _REMEMBERED:
                self._before.popitem(last=False)
        return found


def after(episode: Episode, action: Action) -> Outcome:
    """The outcome of an action, in a copy of the episode."""
    tried = episode.copy()
    seen = len(tried.messages) + 1
    tried.step(action)
    return Outcome(tried.digest(), tuple(m["content"] for m in tried.messages[seen:]), tried.done)


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
            episode, wanted = worlds.at(state, demonstration)
        except (InputError, RecursionError) as error:  # the latter from recorded arguments without end
            return no(Reason.BAD_DEMONSTRATION, str(error))
        given = after(episode, action)
        if (given.digest, given.done) != (wanted.digest, wanted.done):
            return no(Reason.WRONG_STATE)
        if settings.observation and given.observation != wanted.observation:
            return no(Reason.WRONG_OBSERVATION, shown(given.observation))
        return EQUIVALENT

    return verify
