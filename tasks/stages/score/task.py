"""The Prefect task of `score`."""

from __future__ import annotations

from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, stage_task
from tasks.stages.score.stage import STAGE, inputs, write_scores
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig


@stage_task
def score(
    config: ScoreConfig,
    rollouts: Artefact,
    checks: Artefact,
    states: Artefact,
    trajectories: Artefact,
    store_url: str,
) -> Artefact:
    """Give every rollout its verdict."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        write_scores(writer, store, rollouts.ref, checks.ref, states.ref, trajectories.ref, config)

    made_from = inputs(rollouts.ref, checks.ref, states.ref, config)
    return announce(obtain(STAGE, config, made_from, store, produce), store)
