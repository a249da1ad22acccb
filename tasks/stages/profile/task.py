"""The Prefect task of `profile`."""

from __future__ import annotations

from schemas.config import ProfileConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.profile.stage import STAGE, inputs, write_profiles
from tasks.store.store import Store


@stage_task
def profile(config: ProfileConfig, scores: Artefact, states: Artefact, store_url: str) -> Artefact:
    """Mean and variance of each state's rewards."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        write_profiles(writer, store, scores.ref, states.ref, config)

    return announce(obtain(STAGE, config, inputs(scores.ref, states.ref), store, produce), store)
