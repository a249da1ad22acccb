"""Where each random number of a training run comes from. All are functions of the run's seed and of counters, so a
resumed run draws the same as one that was never stopped."""

from __future__ import annotations

import random

_SEEDS = 2**31
_RANK_STRIDE = 15_485_863
"""Further apart than the steps of a run, whose sampling seeds follow one another."""


def epoch_rng(seed: int, epoch: int) -> random.Random:
    """Shuffles the states of an epoch."""
    return random.Random(f"{seed}:{epoch}")


def sampling_seed(seed: int, step: int) -> int:
    """The sampler's at a step."""
    return (seed * 1_000_003 + step) % _SEEDS


def rank_seed(sampling_seed: int, rank: int) -> int:
    """The sampler's at one of several ranks; rank 0 has the step's own."""
    return (sampling_seed + rank * _RANK_STRIDE) % _SEEDS


def refill_rng(seed: int, step: int) -> random.Random:
    """Chooses the further states of a step, and gives their sampling seeds."""
    return random.Random(f"{seed}:refill:{step}")


def held_out_rng(seed: int) -> random.Random:
    """Chooses the states of every validation."""
    return random.Random(f"{seed}:validation")


VALIDATION_SEED = 0
"""The sampler's at a validation, whose actions are greedy."""
PROBE_SEED = 0
"""Of the tokens that a model is tried with before training (compute/forward.py)."""
