"""The Prefect task of `select`."""

from __future__ import annotations

from schemas.config import SelectConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.select.stage import STAGE, inputs, write_pivots
from tasks.store.store import Store


@stage_task
def select(config: SelectConfig, profiles: Artefact, seed: int, store_url: str) -> Artefact:
    """Keep the states whose rewards vary and are not too high."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        write_pivots(writer, store, profiles.ref, config, seed)

    made_from = inputs(profiles.ref, seed)
    return announce(obtain(STAGE, config, made_from, store, produce, allow_empty=config.allow_empty), store)
