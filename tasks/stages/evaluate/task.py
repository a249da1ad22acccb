"""The Prefect task of `evaluate`: the engine runs in a child process."""

from __future__ import annotations

from schemas.config import EvaluateConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, run_child_on_accelerator, stage_task
from tasks.policy.files import Policy
from tasks.stages.evaluate.stage import STAGE, EvaluateSpec, inputs
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig


@stage_task
def evaluate(
    config: EvaluateConfig,
    score: ScoreConfig,
    states: Artefact,
    trajectories: Artefact,
    policy: Policy,
    seed: int,
    store_url: str,
) -> Artefact:
    """Measure a policy in domain and out of it."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        spec = EvaluateSpec(
            store=store_url,
            target=writer.ref,
            states=states.ref,
            trajectories=trajectories.ref,
            policy=policy,
            config=config,
            score=score,
            seed=seed,
        )
        run_child_on_accelerator("tasks.stages.evaluate.worker", spec, timeout_s=config.engine.timeout_s)

    return announce(obtain(STAGE, config, inputs(states.ref, policy, score, seed), store, produce), store)
