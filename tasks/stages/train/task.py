"""The Prefect task of `train`. Trainer and sampler share a child process, or each of several."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from schemas.training import TrainConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.children.progress import Update
from tasks.orchestration.stage_task import announce, run_child_on_accelerator, stage_task
from tasks.policy.files import Policy
from tasks.report.plots import training_curve
from tasks.stages.train.stage import PLOTTED, STAGE, TrainSpec, inputs, launcher
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig


def _curve(steps: Sequence[Update]) -> str:
    """Rewards (or the loss) and validations over the steps so far."""
    rows = [{"step": update.done - 1, **update.values} for update in steps]
    return training_curve(pl.DataFrame(rows, schema={"step": pl.Int64, **dict.fromkeys(PLOTTED, pl.Float64)}))


@stage_task
def train(
    config: TrainConfig,
    score: ScoreConfig,
    pivots: Artefact | None,
    states: Artefact,
    trajectories: Artefact,
    policy: Policy,
    seed: int,
    store_url: str,
) -> Artefact:
    """Train the policy: GRPO on the pivots, or SFT on the demonstrations."""
    store = Store(store_url)

    def produce(writer: Writer) -> None:
        spec = TrainSpec(
            store=store_url,
            target=writer.ref,
            states=states.ref,
            trajectories=trajectories.ref,
            pivots=pivots.ref if pivots else None,
            policy=policy,
            config=config,
            score=score,
            seed=seed,
        )
        run_child_on_accelerator(
            "tasks.stages.train.worker",
            spec,
            timeout_s=config.engine.timeout_s,
            launcher=launcher(config),
            plot=_curve,
        )

    made_from = inputs(states.ref, pivots.ref if pivots else None, policy, score, seed)
    return announce(obtain(STAGE, config, made_from, store, produce), store)
