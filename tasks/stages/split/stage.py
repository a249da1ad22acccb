"""What `split` makes, and from what: states, from the trajectories."""

from __future__ import annotations

from schemas.config import SplitConfig
from schemas.states import STATES
from tasks.artefact.stage import Stage
from tasks.artefact.writer import Writer
from tasks.stages.split.cut import split_part
from tasks.store.manifest import Ref
from tasks.store.store import Store

STAGE = Stage("states", version=2, tables={"states": STATES})


def inputs(trajectories: Ref) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {"trajectories": str(trajectories)}


def write_states(writer: Writer, store: Store, trajectories: Ref, config: SplitConfig) -> None:
    """A part of states per part of trajectories, in order."""
    for index, part in store.parts(trajectories):
        if not writer.done(index):
            states, reasons = split_part(part, config)
            writer.write(index, {"states": states}, reasons=reasons)
