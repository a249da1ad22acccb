"""The Prefect task of `profile`."""

from __future__ import annotations

from schemas.config import ProfileConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.profile.stage import STAGE, write_profiles
from tasks.store.store import Store


@stage_task
def profile(config: ProfileConfig, scores: Artefact, states: Artefact, store_url: str) -> Artefact:
    """Mean and variance of each state's rewards."""
    store = Store(store_url)
    inputs = {"scores": str(scores.ref), "states": str(states.ref)}
    artefact = obtain(
        STAGE, config, inputs, store, lambda writer: write_profiles(writer, store, scores.ref, states.ref, config)
    )
    return announce(artefact, store)
