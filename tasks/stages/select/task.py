"""The Prefect task of `select`."""

from __future__ import annotations

from schemas.config import SelectConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.select.stage import STAGE, write_pivots
from tasks.store.store import Store


@stage_task
def select(config: SelectConfig, profiles: Artefact, seed: int, store_url: str) -> Artefact:
    """Keep the states whose rewards vary and are not too high."""
    store = Store(store_url)
    inputs = {"profiles": str(profiles.ref), "seed": str(seed)}
    artefact = obtain(
        STAGE,
        config,
        inputs,
        store,
        lambda writer: write_pivots(writer, store, profiles.ref, config, seed),
        allow_empty=config.allow_empty,
    )
    return announce(artefact, store)
