"""The Prefect task of `split`."""

from __future__ import annotations

from schemas.config import SplitConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.split.stage import STAGE, inputs, write_states
from tasks.store.store import Store


@stage_task
def split(config: SplitConfig, trajectories: Artefact, store_url: str) -> Artefact:
    """Cut trajectories into states and hold tasks out."""
    store = Store(store_url)
    source = trajectories.ref
    artefact = obtain(STAGE, config, inputs(source), store, lambda writer: write_states(writer, store, source, config))
    return announce(artefact, store)
