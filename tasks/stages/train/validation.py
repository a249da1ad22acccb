"""Validation while training: greedy actions at held-out states, with the verifier that rewards the training."""

from __future__ import annotations

import random
from collections.abc import Sequence

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.sampler.sampler import Sampling
from tasks.stages.train.groups import GroupSampler
from tasks.stages.train.states import admit, in_trajectory_order
from tasks.states.example import Example
from tasks.states.hashing import derive_seed


def draw_held_out(examples: Sequence[Example], config: TrainConfig, seed: int) -> list[Example]:
    """The states of every validation of a run: at most `train.validation_states`, drawn once, none too long.

    Raises:
        StageFailed: there are none.
    """
    room = min(config.max_state_tokens, config.engine.prompt_room(config.max_tokens, config.max_thinking_tokens))
    short, _ = admit(examples, room)
    if not short:
        raise StageFailed(
            f"train: train.validate_every is {config.validate_every}, but none of {len(examples)} held-out states can "
            "be used; raise split.validation_fraction or train.max_state_tokens, or set train.validate_every to 0"
        )
    chosen = random.Random(derive_seed(seed, "held out")).sample(short, min(config.validation_states, len(short)))
    return in_trajectory_order(chosen)


def validate(group_sampler: GroupSampler, held_out: Sequence[Example], max_tokens: int) -> float:
    """The mean reward of greedy actions, without those that are undecided. The sampler must have the policy's weights.

    Raises:
        StageFailed: the verifier decided no action.
    """
    greedy = Sampling(n=1, temperature=0.0, max_tokens=max_tokens, seed=0)
    rewards_K1 = group_sampler.groups(list(held_out), greedy).rewards_KG
    if rewards_K1.isnan().all():
        raise StageFailed(f"train: validation: the verifier decided none of {len(held_out)} actions")
    return float(rewards_K1.nanmean())
