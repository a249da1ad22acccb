"""The ranks of a training run: this process alone, or those that torchrun started, each with an accelerator of its own.

Every rank runs the same code on the same states and holds the step's whole batch, which is token ids. The work is
split: states to sample and verify, then trees to compute.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object

from tasks.errors import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process, `rank`, among `world_size`. All must call each collective, in the same order."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which writes and reports."""
        return self.rank == 0

    def part(self, count: int) -> range:
        """The indices of this rank's part of what all have: neighbours, which share prefixes in the sampler's cache."""
        return range(count * self.rank // self.world_size, count * (self.rank + 1) // self.world_size)

    def engine(self, tensor_parallel: int) -> Ranks:
        """This rank's sampling engine among all engines. So many neighbours share one; its part is theirs together."""
        return Ranks(self.rank // tensor_parallel, self.world_size // tensor_parallel)

    def all_gather(self, value: T) -> list[T]:
        """The value of every rank, by rank."""
        if self.world_size == 1:
            return [value]
        values: list[T] = gather_object([value])
        return values

    def broadcast(self, value: T) -> T:
        """The value of rank 0."""
        if self.world_size == 1:
            return value
        values = [value]
        broadcast_object_list(values)
        return values[0]

    def barrier(self) -> None:
        """Wait until rank 0 has come here."""
        self.broadcast(None)


def join(timeout_s: float, *, tensor_parallel: int = 1, launched: bool = False) -> Ranks:
    """The ranks of the run: this process alone, unless torchrun (or a launcher like it) started it with others.

    Args:
        timeout_s: how long to wait for another rank; a long sampling is no fault.
        tensor_parallel: ranks that share a sampling engine.
        launched: whether `train.launcher` started it.

    Raises:
        ConfigurationError: the launcher does not say which of how many this is, so that each would train alone; or the
            ranks do not suffice for whole engines.
    """
    missing = [name for name in ("RANK", "WORLD_SIZE") if name not in os.environ]
    if launched and missing:
        raise ConfigurationError(
            f"train.launcher started a process without {' and '.join(missing)} in its environment; let it start "
            "torchrun, which sets them (on this machine alone: train.processes, with no launcher)"
        )
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size % tensor_parallel:
        raise ConfigurationError(
            f"{world_size} training processes cannot share engines of {tensor_parallel} each: "
            "train.engine.tensor_parallel must divide their number"
        )
    if world_size == 1:
        return Ranks()
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(seconds=timeout_s))
    return Ranks(state.process_index, state.num_processes)
