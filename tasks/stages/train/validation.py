"""Validation while training: greedy actions at held-out states, scored by the verifier that rewards the training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.sampler.sampler import Sampling
from tasks.stages.train.groups import Rollout
from tasks.stages.train.states import admit, in_trajectory_order
from tasks.states.example import Example


def held_out(states: Sequence[Example], settings: TrainConfig, seed: int) -> list[Example]:
    """The states of every validation of a run: at most `train.validation_states`, drawn once, none too long.

    Raises:
        StageFailed: there are none.
    """
    room = min(settings.max_state_tokens, settings.engine.prompt_room(settings.max_tokens))
    short = admit(states, room).states
    if not short:
        raise StageFailed(
            f"train: train.validate_every is {settings.validate_every}, but none of {len(states)} held-out states can "
            "be used; raise split.validation_fraction or train.max_state_tokens, or set train.validate_every to 0"
        )
    chosen = random.Random(f"{seed}:validation").sample(short, min(settings.validation_states, len(short)))
    return in_trajectory_order(chosen)


@dataclass(frozen=True, slots=True)
class Validation:
    """A measurement of the policy under training."""

    rollout: Rollout
    states: list[Example]
    max_tokens: int

    def measure(self) -> float:
        """The mean reward of greedy actions, undecided ones apart. The sampler must have the policy's weights.

        Raises:
            StageFailed: the verifier decided no action.
        """
        rewards_K1 = self.rollout.groups(self.states, Sampling(1, 0.0, self.max_tokens, seed=0)).rewards_KG
        if rewards_K1.isnan().all():
            raise StageFailed(f"train: validation: the verifier decided none of {len(self.states)} actions")
        return float(rewards_K1.nanmean())
