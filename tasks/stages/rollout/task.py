"""The Prefect task of `rollout`: the engine runs in a child process, or in each of several that it starts."""

from __future__ import annotations

from schemas.config import RolloutConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, run_child_on_accelerator, stage_task
from tasks.policy.files import Policy
from tasks.stages.rollout.stage import STAGE, RolloutSpec, inputs
from tasks.store.store import Store


@stage_task
def rollout(
    config: RolloutConfig, states: Artefact, trajectories: Artefact, policy: Policy, seed: int, store_url: str
) -> Artefact:
    """Sample K actions at each training state with the policy."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        spec = RolloutSpec(
            store=store_url,
            target=writer.ref,
            states=states.ref,
            trajectories=trajectories.ref,
            policy=policy,
            config=config,
            seed=seed,
        )
        run_child_on_accelerator("tasks.stages.rollout.worker", spec, timeout_s=config.engine.timeout_s)

    return announce(obtain(STAGE, config, inputs(states.ref, policy, seed), store, produce), store)
