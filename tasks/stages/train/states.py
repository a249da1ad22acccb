"""The states that training draws from: what one is, which are admitted, and which come at which step."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tasks.errors import StageFailed
from tasks.states.example import Example, StateKey


class DropReason(StrEnum):
    """Why a state takes no part in training."""

    TOO_LONG = "too_long"
    """Its prompt exceeds `train.max_state_tokens`, or leaves no room for an action in the engine's context; SFT: prompt
    and demonstration exceed `train.max_state_tokens` and `train.max_tokens` together."""
    NOT_RENDERED = "not_rendered"
    """The chat template does not render its prompt, or (SFT) not the demonstration as a continuation of the prompt."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """States to train on, in the order given, and the reason for each of the others by its key."""

    states: list[Example]
    dropped: Mapping[StateKey, DropReason]


def admit(states: Sequence[Example], max_prompt_tokens: int) -> Admitted:
    """The states whose prompts have at most that many tokens."""
    long = {s.key: DropReason.TOO_LONG for s in states if len(s.prompt) > max_prompt_tokens}
    return Admitted([s for s in states if s.key not in long], long)


def require_states(admitted: Admitted) -> None:
    """Raises:
    StageFailed: nothing is left to train on; the text counts the reasons.
    """
    if admitted.states:
        return
    reasons = list(admitted.dropped.values())
    counts = ", ".join(f"{reason.value}: {reasons.count(reason)}" for reason in DropReason if reason in reasons)
    raise StageFailed(
        f"train: no state to train on; {len(reasons)} were dropped ({counts or 'none was given'}); "
        "raise train.max_state_tokens, or look at what select rejected"
    )


def in_trajectory_order(states: Sequence[Example]) -> list[Example]:
    """Sorted by trajectory and turn, as the sampler's prefix cache likes them."""
    return sorted(states, key=lambda s: (s.state.trajectory_id, s.state.turn_index))


def draw(states: Sequence[Example], per_step: int, step: int, seed: int) -> list[Example]:
    """The states of a step: epochs of seeded shuffles end to end, cut into steps, and each step in trajectory order.

    A function of its arguments alone, so that a resumed run needs no position but the step. No state comes twice in a
    step: with fewer than `per_step`, each step takes all of them; what an epoch leaves over after whole steps waits for
    another.
    """
    per_step = min(per_step, len(states))
    steps_per_epoch = len(states) // per_step
    epoch, position = divmod(step, steps_per_epoch)
    order = list(range(len(states)))
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return in_trajectory_order([states[i] for i in order[position * per_step : (position + 1) * per_step]])
