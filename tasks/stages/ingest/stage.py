"""What `ingest` makes, and from what: trajectories, from the source. They are written in parts; memory holds one."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter

from schemas.config import IngestConfig
from schemas.rejects import REJECTS
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.stages.ingest.formats import users_reader
from tasks.stages.ingest.ingestion import Counts, ingest
from tasks.stages.ingest.records import Reject
from tasks.stages.ingest.source import source_digest
from tasks.stages.ingest.trajectory import Trajectory

STAGE = Stage(
    "trajectories", version=2, tables={"trajectories": TRAJECTORIES, "toolsets": TOOLSETS, "rejects": REJECTS}
)
_REJECTS_PER_PART = 4096


def inputs(config: IngestConfig) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest: the content of the source, and the code of
    the user's own reader."""
    content = json.dumps(source_digest(config.source), sort_keys=True)
    digests = {"source": hashlib.sha256(content.encode()).hexdigest()}
    if config.reader:
        reader = users_reader(config.reader)
        code = inspect.getsource(inspect.getmodule(reader) or reader)
        digests["reader"] = hashlib.sha256(code.encode()).hexdigest()
    return digests


class _Parts:
    """Fills a part and writes it when it is full."""

    def __init__(self, writer: Writer, part_size: int) -> None:
        self._writer, self._size = writer, part_size
        self.count = 0
        self._known_toolsets: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._trajectories: list[Trajectory] = []
        self._rejects: list[Reject] = []

    def add(self, outcome: Trajectory | Reject) -> None:
        (self._rejects if isinstance(outcome, Reject) else self._trajectories).append(outcome)  # type: ignore[arg-type]
        if len(self._trajectories) >= self._size or len(self._rejects) >= _REJECTS_PER_PART:
            self.write()

    def write(self, counts: Counts | None = None) -> None:
        toolsets = [row for t in self._trajectories if (row := self._new_toolset(t)) is not None]
        self._writer.write(
            self.count,
            {
                "trajectories": frame(TRAJECTORIES, [t.row() for t in self._trajectories]),
                "toolsets": frame(TOOLSETS, toolsets),
                "rejects": frame(REJECTS, [r.row() for r in self._rejects]),
            },
            reasons=Counter(r.reason.value for r in self._rejects) + (counts.reasons() if counts else Counter()),
            summary=counts.summary() if counts else None,
        )
        self.count += 1
        self._begin()

    def _new_toolset(self, trajectory: Trajectory) -> dict[str, str] | None:
        if trajectory.toolset_id in self._known_toolsets:
            return None
        self._known_toolsets.add(trajectory.toolset_id)
        return trajectory.toolset_row()


def write_trajectories(writer: Writer, config: IngestConfig) -> None:
    """Read the whole source and write its parts."""
    parts, counts = _Parts(writer, config.part_size), Counts()
    for outcome in ingest(config):
        counts.add(outcome)
        parts.add(outcome)
    parts.write(counts)
    # The source is one stream: a run that was killed reads it again from the beginning. If the reader's own imports
    # have changed since, it may come to fewer parts than the killed run has staged, and the rest must go.
    writer.end(parts.count)
