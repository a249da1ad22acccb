"""The processes of a training run: one, or those that torchrun started, each with an accelerator of its own.

Every process runs the same code on the same states and meets the others where it asks for what they have. What a step
is made of is dealt out: states to sample and verify, then trees to compute. So every process holds the step's whole
batch, which is token ids, and a share of its work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object

from tasks.errors import ConfigurationError

T = TypeVar("T")

_SEED_APART = 15_485_863
"""Further apart than the steps of a run, whose seeds follow one another."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process, `rank`, among `count`."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and reports."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """This process's part of what all have: neighbours stay together, as the sampler's prefix cache likes them."""
        bounds = [len(items) * rank // self.count for rank in (self.rank, self.rank + 1)]
        return list(items[bounds[0] : bounds[1]])

    def seed(self, seed: int) -> int:
        """Another one for every process; the first has the given one."""
        return (seed + self.rank * _SEED_APART) % 2**31

    def gather(self, value: T) -> list[T]:
        """What every process gives here, in order. All must call."""
        if self.count == 1:
            return [value]
        found: list[T] = gather_object([value])
        return found

    def firsts(self, value: T) -> T:
        """What the first process gives here. All must call."""
        if self.count == 1:
            return value
        values = [value]
        broadcast_object_list(values)
        return values[0]


def join(timeout_s: float, *, launched: bool = False) -> Processes:
    """This process among those of the run: alone, unless torchrun (or a launcher like it) started it with others.

    Args:
        timeout_s: how long to wait for another process; a long sampling is no fault.
        launched: whether `train.launcher` started it.

    Raises:
        ConfigurationError: the launcher does not say which of how many this is, so that each would train alone.
    """
    missing = [name for name in ("RANK", "WORLD_SIZE") if name not in os.environ]
    if launched and missing:
        raise ConfigurationError(
            f"train.launcher started a process without {' and '.join(missing)} in its environment; let it start "
            "torchrun, which sets them (on this machine alone: train.processes, with no launcher)"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(seconds=timeout_s))
    return Processes(state.process_index, state.num_processes)
