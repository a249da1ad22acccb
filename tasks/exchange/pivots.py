"""Pivots with their states. Memory holds one part of the trajectories at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.trajectories import opening
from tasks.states.example import Example, StateKey
from tasks.states.reader import StateReader
from tasks.store.lineage import parent, pivots_lineage
from tasks.store.manifest import Ref
from tasks.store.store import Store


@dataclass(frozen=True, slots=True)
class Pivot:
    """A selected state: its history and demonstration, its row of `pivots`, and the artefact it is of."""

    state: Example
    row: dict[str, Any]
    artefact: str

    @property
    def task_id(self) -> str:
        """The task, or the opening where no task is named: what is never divided between training and validation."""
        return self.state.state.task_id or opening(self.state.state.messages)

    @property
    def pass_rate(self) -> float:
        """Share of the n samples with the full reward. Where rewards lie between 0 and 1 it is not the mean."""
        return float(self.row["successes"] / self.row["n"])


def parts(store: Store, ref: Ref) -> Iterator[list[Pivot]]:
    """The pivots of each part of the trajectories, in the order of the trajectories. Parts without any are left out.

    Raises:
        ConfigurationError: not an artefact of `pivots`.
        NotInStore: it or what it was made from is gone.
    """
    made_from = pivots_lineage(store, ref)
    reader = StateReader(store, parent(made_from, "states", ref), parent(made_from, "trajectories", ref))
    rows = {StateKey(row["trajectory_id"], row["turn_index"]): row for row in store.read(ref).iter_rows(named=True)}
    wanted = set(rows)
    for index in reader.part_indices():
        pivots = [Pivot(state, rows[state.key], str(ref)) for state in reader.part(index, keep=wanted)]
        if pivots:
            yield pivots
