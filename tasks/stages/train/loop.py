"""The loop that GRPO and SFT share: draw states, make a batch of them, update, hand out the weights, save."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sampler
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.compute.learner import Batch, Learner
from tasks.stages.train.compute.ranks import Processes
from tasks.stages.train.groups import Rollout
from tasks.stages.train.metrics import StepMetrics, best_step, has_stalled
from tasks.stages.train.states import Admitted, draw
from tasks.stages.train.validation import Validation
from tasks.states.example import Example
from tasks.verifiers.verdict import Verify

log = logging.getLogger(__name__)

OnStep = Callable[[StepMetrics], None]
"""Called after each step that this process runs, with what was measured."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training run.

    `checkpoint_folder` belongs to this run alone: what lies there is resumed. `output_folder` appears at the end.
    Processes that train together have the same job but for their rank, and see the same folders. `max_undecided` is
    `score.max_undecided`, for the samples of a step; `concurrency` how many states are verified at once.
    """

    model_folder: Path
    output_folder: Path
    checkpoint_folder: Path
    settings: TrainConfig
    seed: int = 0
    checkpoint_every: int = 10
    parser: str = "auto"
    max_undecided: float = 1.0
    concurrency: int = 1
    processes: Processes = field(default_factory=Processes)

    def rollout(self, sampler: Sampler, verify: Verify) -> Rollout:
        """What gives groups of states while this job runs."""
        return Rollout(ChatFormat(self.model_folder, self.parser), sampler, verify, self.processes, self.concurrency)


@dataclass(frozen=True, slots=True)
class Collected:
    """A step's batch, and what was measured while it was made."""

    batch: Batch
    states: list[Example]
    samples: int
    reward_mean: float | None = None
    reward_std: float | None = None
    zero_variance: float | None = None
    parse_failures: float | None = None
    undecided: float | None = None
    sample_s: float = 0.0
    verify_s: float = 0.0


Collect = Callable[[int, list[Example]], Collected]
"""The batch of a step, from its number and its states."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run measured, step by step (those before a resume included), and the states that took no part."""

    metrics: list[StepMetrics]
    admitted: Admitted


def run(
    job: Job,
    learner: Learner,
    admitted: Admitted,
    collect: Collect,
    sampler: Sampler | None,
    on_step: OnStep,
    validation: Validation | None,
) -> Trained:
    """Train from the newest checkpoint, or the beginning, to the last step, and write the model folder.

    Args:
        sampler: what `collect` samples with, which gets the weights after every update and on resuming; None where it
            samples nothing.
        validation: measured every `train.validate_every` steps and after the last; decides which step's model is the
            result, and when to stop early. It samples with `sampler`, or with one that gets the weights for it alone.

    Raises:
        StageFailed: a loss or gradient is not finite, or explodes; the text names the step, its states and where
            checkpoints are.
    """
    metrics = checkpoint.resume(job.checkpoint_folder, learner)
    if metrics:
        log.info("train: resumed after step %d from %s", len(metrics) - 1, job.checkpoint_folder)
        if sampler is not None:
            sampler.load_weights(learner.weights())
    for step in range(len(metrics), job.settings.steps):
        if has_stalled(metrics, job.settings.patience):
            log.info("train: no better validation since step %s; stopped before step %d", best_step(metrics), step)
            break
        states = draw(admitted.states, job.settings.states_per_step, step, job.seed)
        measured = _step(job, learner, collect(step, states), metrics)
        due = validation if _due(job.settings, step) else None
        _hand_over(learner, due.rollout.sampler if due else sampler, measured)
        if due is not None:
            began = time.perf_counter()
            measured["validation"] = due.measure()
            measured["validate_s"] = time.perf_counter() - began
        metrics.append(measured)
        on_step(measured)
        if best_step(metrics) == step:
            checkpoint.save_best(job.checkpoint_folder, learner, metrics, job.model_folder)
        elif (step + 1) % job.checkpoint_every == 0:
            checkpoint.save(job.checkpoint_folder, learner, metrics)
    checkpoint.save_result(job.checkpoint_folder, learner, metrics, job.model_folder, job.output_folder)
    return Trained(metrics, admitted)


def _due(settings: TrainConfig, step: int) -> bool:
    every = settings.validate_every
    return every > 0 and ((step + 1) % every == 0 or step + 1 == settings.steps)


def _hand_over(learner: Learner, sampler: Sampler | None, measured: StepMetrics) -> None:
    """Give the weights to whoever samples next."""
    if sampler is not None:
        began = time.perf_counter()
        sampler.load_weights(learner.weights())
        measured["sync_s"] = time.perf_counter() - began


def _step(job: Job, learner: Learner, collected: Collected, before: list[StepMetrics]) -> StepMetrics:
    """The step after those before; all of its metrics but what follows the update."""
    step, started = len(before), time.perf_counter()
    try:
        update = learner.update(collected.batch, step, before)
    except StageFailed as error:
        keys = ", ".join(str(s.key) for s in collected.states)
        kept = f"the last good checkpoint, if there was one, is in {job.checkpoint_folder}"
        raise StageFailed(f"{error}; states of the step: {keys}; {kept}") from error
    return StepMetrics(
        step=step,
        loss=update.loss,
        reward_mean=collected.reward_mean,
        reward_std=collected.reward_std,
        zero_variance=collected.zero_variance,
        parse_failures=collected.parse_failures,
        undecided=collected.undecided,
        clip_share=update.clip_share,
        kl=update.kl,
        entropy=update.entropy,
        grad_norm=update.grad_norm,
        sampler_mismatch=update.sampler_mismatch,
        validation=None,
        learning_rate=update.learning_rate,
        states=len(collected.states),
        samples=collected.samples,
        distinct_tokens=update.distinct_tokens,
        repeated_tokens=update.repeated_tokens,
        sample_s=collected.sample_s,
        verify_s=collected.verify_s,
        update_s=time.perf_counter() - started,
        sync_s=0.0,
        validate_s=0.0,
    )
