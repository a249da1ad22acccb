"""Where a rollout is resumed: segments that were sampled before are read instead of sampled again.

They come from this artefact's own staging, where a run of it was killed, or from an earlier artefact that differs in
nothing but its states, where data has arrived since.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import polars as pl

from schemas.columns import STATE_KEY
from tasks.artefact.writer import Writer
from tasks.errors import StoreError
from tasks.stages.rollout.segments import segment_digest, segments
from tasks.states.example import StateKey
from tasks.store.manifest import Part
from tasks.store.store import Store

log = logging.getLogger(__name__)


class RolloutArchive:
    """The segments of the newest rollouts that differ from the wanted ones in nothing but their states.

    Args:
        stage_version, config, inputs: of the wanted rollouts, as in their manifest.
    """

    def __init__(self, store: Store, stage_version: int, config: object, inputs: Mapping[str, str]) -> None:
        self._store = store
        wanted = (stage_version, config, _without_states(inputs))
        comparable = [
            manifest
            for manifest in store.artefacts("rollouts")
            if (manifest.stage_version, manifest.config, _without_states(manifest.inputs)) == wanted
        ]
        self._ref = comparable[-1].ref if comparable else None
        self._rows_by_digest: dict[str, tuple[Part, slice]] = {}
        self._last_part: tuple[Part, pl.DataFrame] | None = None
        for part in comparable[-1].table("rollouts") if comparable else []:
            self._index(part)

    def _index(self, part: Part) -> None:
        """Note where each segment of a part lies among its rows."""
        rows = self._rows(part)
        if rows is None:
            return
        states = rows.group_by(STATE_KEY, maintain_order=True).len()
        keys = [StateKey(*key) for key in states.select(STATE_KEY).iter_rows()]
        ends = [0, *states["len"].cum_sum()]
        for cut in segments(keys):
            self._rows_by_digest[segment_digest(keys[cut])] = (part, slice(ends[cut.start], ends[cut.stop]))

    def segment(self, keys: Sequence[StateKey]) -> pl.DataFrame | None:
        """The rows of the segment of these states, or None."""
        digest = segment_digest(keys)
        if digest not in self._rows_by_digest:
            return None
        part, where = self._rows_by_digest[digest]
        rows = self._rows(part)
        return None if rows is None else rows[where]

    def _rows(self, part: Part) -> pl.DataFrame | None:
        """A part's rows; None where it is damaged or gone, because it can be sampled again."""
        assert self._ref is not None
        # Segments are asked for in order, so the last part that was read is mostly the next one too.
        if self._last_part is None or self._last_part[0] != part:
            try:
                self._last_part = part, self._store.read_part(self._ref, part)
            except StoreError as error:
                log.warning("rollout: %s; what it holds is sampled again", error)
                return None
        return self._last_part[1]


def _without_states(inputs: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in inputs.items() if name != "states"}


def sampled_before(
    writer: Writer, archive: RolloutArchive, part: int, number: int, keys: Sequence[StateKey]
) -> pl.DataFrame | None:
    """The rows of segment `number` of a part, which has these states; None where it must be sampled."""
    rows = writer.segment(part, number)
    return rows if rows is not None else archive.segment(keys)
