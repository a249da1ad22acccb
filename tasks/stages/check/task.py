"""The Prefect task of `check`: the tokenizer is loaded in a child process."""

from __future__ import annotations

from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.orchestration.stage_task import announce, run_in_child, stage_task
from tasks.policy.files import Policy
from tasks.stages.check.stage import STAGE, CheckSpec, inputs
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig

_TIMEOUT_S = 1800.0


@stage_task
def check(config: ScoreConfig, states: Artefact, trajectories: Artefact, policy: Policy, store_url: str) -> Artefact:
    """Write every demonstration as the policy would, read it back, and verify it."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        spec = CheckSpec(
            store=store_url,
            target=writer.ref,
            states=states.ref,
            trajectories=trajectories.ref,
            policy=policy,
            config=config,
        )
        run_in_child("tasks.stages.check.worker", spec, timeout_s=_TIMEOUT_S)

    return announce(obtain(STAGE, config, inputs(states.ref, policy, config), store, produce), store)
