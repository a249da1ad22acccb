"""The Prefect task of `score`."""

from __future__ import annotations

from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.score.stage import STAGE, write_scores
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig


@stage_task
def score(
    config: ScoreConfig, rollouts: Artefact, states: Artefact, trajectories: Artefact, store_url: str
) -> Artefact:
    """Give every rollout its verdict."""
    store = Store(store_url)
    inputs = {"rollouts": str(rollouts.ref), "states": str(states.ref), "verifier": identity(config.verifier)}
    artefact = obtain(
        STAGE,
        config,
        inputs,
        store,
        lambda writer: write_scores(writer, store, rollouts.ref, states.ref, trajectories.ref, config),
    )
    return announce(artefact, store)
