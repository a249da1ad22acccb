"""The states that training draws from: which take part, and which come at which step."""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

from tasks.errors import StageFailed
from tasks.states.example import Example, StateKey
from tasks.states.hashing import derive_seed


class DropReason(StrEnum):
    """Why a state takes no part in training."""

    TOO_LONG = "too_long"
    """Its prompt exceeds `train.max_state_tokens`, or leaves no room for an action in the engine's context. SFT: prompt
    and demonstration exceed `train.max_state_tokens`, `train.max_tokens` and `train.max_thinking_tokens` together."""
    NOT_RENDERED = "not_rendered"
    """The chat template does not render its prompt. SFT: or not the demonstration as a continuation of the prompt."""


Dropped = dict[StateKey, DropReason]
"""Why each of some states takes no part, by its key."""


def admit(examples: Sequence[Example], max_prompt_tokens: int) -> tuple[list[Example], Dropped]:
    """The states whose prompts have at most that many tokens, in order, and why each of the others is dropped."""
    dropped = {e.key: DropReason.TOO_LONG for e in examples if len(e.prompt) > max_prompt_tokens}
    return [e for e in examples if e.key not in dropped], dropped


def require_examples(examples: Sequence[Example], dropped: Dropped) -> None:
    """Refuse to train on nothing.

    Raises:
        StageFailed: there is no state; the text counts the reasons.
    """
    if examples:
        return
    reasons = list(dropped.values())
    counts = ", ".join(f"{reason.value}: {reasons.count(reason)}" for reason in DropReason if reason in reasons)
    raise StageFailed(
        f"train: no state to train on; {len(reasons)} were dropped ({counts or 'none was given'}); "
        "raise train.max_state_tokens, or look at what select rejected"
    )


def in_trajectory_order(examples: Sequence[Example]) -> list[Example]:
    """Sorted by trajectory and turn, so that the sampler finds a state's history among its cached prefixes."""
    return sorted(examples, key=lambda e: (e.state.trajectory_id, e.state.turn_index))


def draw(examples: Sequence[Example], per_step: int, step: int, seed: int) -> list[Example]:
    """The states of a step: epochs of seeded shuffles end to end, cut into steps, and each step in trajectory order.

    A function of its arguments alone, so that a resumed run needs no position but the step. No state comes twice in a
    step: with fewer than `per_step`, each step takes all of them. What is left of an epoch after its whole steps waits
    for another epoch.
    """
    per_step = min(per_step, len(examples))
    steps_per_epoch = len(examples) // per_step
    epoch, position = divmod(step, steps_per_epoch)
    order = list(range(len(examples)))
    random.Random(derive_seed(seed, "epoch", epoch)).shuffle(order)
    return in_trajectory_order([examples[i] for i in order[position * per_step : (position + 1) * per_step]])
