"""What `select` makes, and from what: pivots, from the profiles."""

from __future__ import annotations

from schemas.config import SelectConfig
from schemas.pivots import PIVOTS, UNSELECTED
from tasks.artefact.stage import Stage
from tasks.artefact.writer import Writer
from tasks.stages.select.selection import select_states
from tasks.store.manifest import Ref
from tasks.store.store import Store

STAGE = Stage("pivots", version=2, tables={"pivots": PIVOTS, "unselected": UNSELECTED})


def inputs(profiles: Ref, seed: int) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {"profiles": str(profiles), "seed": str(seed)}


def write_pivots(writer: Writer, store: Store, profiles: Ref, config: SelectConfig, seed: int) -> None:
    """Write one part: a budget is shared across all states, and profiles are small."""
    pivots, unselected = select_states(store.read(profiles), config, seed)
    reasons = dict(unselected["reason"].value_counts().iter_rows())
    writer.write(0, {"pivots": pivots, "unselected": unselected}, reasons=reasons)
