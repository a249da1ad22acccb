"""Segments: the states that are sampled in one call of the engine, and where an earlier artefact has the same ones.

Where a segment begins is told by each trajectory alone, and its seed by its states, so its rows are a function of the
policy, the configuration, the seed and the states in it, whatever else is sampled. Data that arrives changes the
segments that it falls into; the others are what they were, and are copied instead of sampled again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import polars as pl

from schemas.columns import STATE_KEY
from tasks.errors import StoreError
from tasks.states.draw import number, place
from tasks.states.example import StateKey
from tasks.store.manifest import Part
from tasks.store.store import Store

log = logging.getLogger(__name__)

SEGMENT_STATES = 256
"""States a segment, on average. A killed run repeats at most one segment; the cut is part of what is sampled."""


def segments(keys: Sequence[StateKey]) -> Iterator[slice]:
    """A part's states, divided before some of its trajectories.

    Args:
        keys: of the states that are sampled; those of a trajectory stand together.
    """
    start = end = 0
    for trajectory_id, group in groupby(keys, key=lambda key: key[0]):
        states = len(list(group))
        if end > start and _begins(trajectory_id, states):
            yield slice(start, end)
            start = end
        end += states
    if end > start:
        yield slice(start, end)


def _begins(trajectory_id: str, states: int) -> bool:
    """Whether a segment begins with this trajectory: by its name's hash, more likely for a longer one, so that
    segments have the same size on average whatever the trajectories' length."""
    return place(trajectory_id) < states / SEGMENT_STATES


def digest(keys: Sequence[StateKey]) -> str:
    """What names a segment: its states, in order."""
    return hashlib.sha256(repr([tuple(key) for key in keys]).encode()).hexdigest()


def segment_seed(seed: int, keys: Sequence[StateKey]) -> int:
    """A seed of its own for each segment, so that each can be sampled again alone and gives the same."""
    return number(f"{seed}/{digest(keys)}") >> 32


class Earlier:
    """The segments of the newest rollouts that differ from the wanted ones in nothing but their states.

    Args:
        stage_version, config, inputs: of the wanted rollouts, as in their manifest.
    """

    def __init__(self, store: Store, stage_version: int, config: object, inputs: Mapping[str, str]) -> None:
        self._store = store
        wanted = (stage_version, config, _but_states(inputs))
        alike = [
            manifest
            for manifest in store.artefacts("rollouts")
            if (manifest.stage_version, manifest.config, _but_states(manifest.inputs)) == wanted
        ]
        self._ref = alike[-1].ref if alike else None
        self._places: dict[str, tuple[Part, slice]] = {}
        self._held: tuple[Part, pl.DataFrame] | None = None
        for part in alike[-1].table("rollouts") if alike else []:
            self._index(part)

    def _index(self, part: Part) -> None:
        """Where each segment of a part lies among its rows."""
        rows = self._rows(part)
        if rows is None:
            return
        states = rows.group_by(STATE_KEY, maintain_order=True).len()
        keys = [StateKey(*key) for key in states.select(STATE_KEY).iter_rows()]
        ends = [0, *states["len"].cum_sum()]
        for cut in segments(keys):
            self._places[digest(keys[cut])] = (part, slice(ends[cut.start], ends[cut.stop]))

    def segment(self, keys: Sequence[StateKey]) -> pl.DataFrame | None:
        """The rows of the segment of these states, or None."""
        if digest(keys) not in self._places:
            return None
        part, place = self._places[digest(keys)]
        rows = self._rows(part)
        return None if rows is None else rows[place]

    def _rows(self, part: Part) -> pl.DataFrame | None:
        """A part's rows; None where it is damaged or gone, because it can be sampled again. The last one is kept:
        segments are asked for in order."""
        assert self._ref is not None
        if self._held is None or self._held[0] != part:
            try:
                self._held = part, self._store.read_part(self._ref, part)
            except StoreError as error:
                log.warning("rollout: %s; what it holds is sampled again", error)
                return None
        return self._held[1]


def _but_states(inputs: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in inputs.items() if name != "states"}
