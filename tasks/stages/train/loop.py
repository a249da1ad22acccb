"""The training loop, for GRPO on pivots and SFT on demonstrations: draw states, make a batch of them, update, hand the
weights to the sampler, validate, save.

textbook.py is the same without trees, ranks and checkpoints: read it first. What both leave out of textbook RL is an
environment (an action ends the episode) and several updates from one set of samples.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sampler, Sampling
from tasks.sampler.thinking import ThinkingSampler
from tasks.stages.train.batch import Batch, grpo_batch, sft_batch
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.ranks import Ranks
from tasks.stages.train.groups import Groups, GroupSampler, refill
from tasks.stages.train.metrics import OnStep, StepMetrics, best_step, has_stalled, step_metrics
from tasks.stages.train.prompts import demonstrations
from tasks.stages.train.states import Dropped, admit, draw, require_examples
from tasks.stages.train.validation import validate
from tasks.states.example import Example, StateKey
from tasks.states.hashing import derive_seed
from tasks.verifiers.build import concurrency_of
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Verify

log = logging.getLogger(__name__)

MakeBatch = Callable[[int, list[Example]], tuple[Batch, list[Example], StepMetrics]]
"""From a step's number and its states: the batch, the states that were drawn for it, and what was measured."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training run: its settings, and where it reads and writes. Ranks have the same but for `ranks`.

    `checkpoint_folder` belongs to this run alone: what lies there is resumed. `output_folder` appears at the end.
    """

    model_folder: Path
    output_folder: Path
    checkpoint_folder: Path
    config: TrainConfig
    score: ScoreConfig = field(default_factory=ScoreConfig)
    seed: int = 0
    checkpoint_every: int = 10
    options: Mapping[str, Any] = field(default_factory=dict)
    """Variables of the chat template."""
    ranks: Ranks = field(default_factory=Ranks)


def train(
    run: TrainingRun,
    examples: Sequence[Example],
    sampler: Sampler | None,
    verify: Verify | None,
    on_step: OnStep,
    held_out: Sequence[Example] = (),
) -> tuple[list[StepMetrics], Dropped]:
    """Train from the newest checkpoint, or the beginning, to the last step, and write the model folder.

    Args:
        examples: pivots, or states with their demonstrations (SFT), rendered.
        sampler: holds the weights of `run.model_folder`. SFT needs it, and the verifier, for validations only.
        verify: the verifier that scored the pivots.
        on_step: called with each step's metrics.
        held_out: validated on every `train.validate_every` steps and after the last. This decides which step's model is
            the result, and when to stop early.

    Returns:
        The metrics of every step, those before a resume included, and why states took no part.

    Raises:
        InputError: the model folder cannot be used.
        StageFailed: no state is left, the verifier decides too little, memory ran out, or a loss or gradient is not
            finite or explodes; the text then names the step, its states and where checkpoints are.
    """
    config = run.config
    chat = ChatFormat(run.model_folder, run.score.parser, run.options, config.max_thinking_tokens)
    group_sampler = None
    if sampler is not None and verify is not None:
        group_sampler = GroupSampler(
            chat,
            ThinkingSampler(sampler, chat),
            verify,
            run.ranks,
            concurrency_of(run.score.verifier),
            tensor_parallel=config.engine.tensor_parallel,
            masks_overlong=config.overlong == "mask",
        )
    if config.method == "sft":
        completions, dropped = demonstrations(chat, examples, config)
        examples = [e for e in examples if e.key not in dropped]
        longest = max((len(e.prompt) + len(completions[e.key]) for e in examples), default=0)
        make_batch = _sft_batches(config, completions)
    else:
        assert group_sampler is not None, "GRPO samples"
        room = config.engine.prompt_room(config.max_tokens, config.max_thinking_tokens)
        examples, dropped = admit(examples, min(config.max_state_tokens, room))
        longest = max((len(e.prompt) for e in examples), default=0) + config.max_tokens + config.max_thinking_tokens
        make_batch = _grpo_batches(run, examples, group_sampler)
    require_examples(examples, dropped)
    if config.method == "grpo":
        _warn_of_repeated_prompts(config, longest)
    learner = Learner(run.model_folder, config, longest, run.seed, run.ranks)
    metrics = _steps(run, learner, examples, make_batch, group_sampler, on_step, held_out)
    return metrics, dropped


def _steps(
    run: TrainingRun,
    learner: Learner,
    examples: Sequence[Example],
    make_batch: MakeBatch,
    group_sampler: GroupSampler | None,
    on_step: OnStep,
    held_out: Sequence[Example],
) -> list[StepMetrics]:
    config = run.config
    metrics = checkpoint.resume(run.checkpoint_folder, learner)
    if metrics:
        log.info("train: resumed after step %d from %s", len(metrics) - 1, run.checkpoint_folder)
        if group_sampler is not None and config.method == "grpo":
            group_sampler.sampler.load_weights(learner.weights())
    for step in range(len(metrics), config.steps):
        if has_stalled(metrics, config.patience):
            log.info("train: no better validation since step %s; stopped before step %d", best_step(metrics), step)
            break
        batch, drawn, sampled = make_batch(step, draw(examples, config.states_per_step, step, run.seed))
        updated = _update(run, learner, batch, drawn, step, metrics)
        measured = step_metrics({"step": step, "sync_s": 0.0, "validate_s": 0.0}, sampled, updated)
        validating = bool(held_out) and _is_validated(config, step)
        if group_sampler is not None and (validating or config.method == "grpo"):
            began = time.perf_counter()
            group_sampler.sampler.load_weights(learner.weights())
            measured["sync_s"] = time.perf_counter() - began
        if group_sampler is not None and validating:
            began = time.perf_counter()
            measured["validation"] = validate(group_sampler, held_out, config.max_tokens)
            measured["validate_s"] = time.perf_counter() - began
        metrics.append(measured)
        on_step(measured)
        if best_step(metrics) == step:
            checkpoint.save_best(run.checkpoint_folder, learner, metrics, run.model_folder)
        elif (step + 1) % run.checkpoint_every == 0:
            checkpoint.save(run.checkpoint_folder, learner, metrics)
    checkpoint.save_result(run.checkpoint_folder, learner, metrics, run.model_folder, run.output_folder)
    return metrics


def _is_validated(config: TrainConfig, step: int) -> bool:
    every = config.validate_every
    return every > 0 and ((step + 1) % every == 0 or step + 1 == config.steps)


def _update(
    run: TrainingRun, learner: Learner, batch: Batch, drawn: Sequence[Example], step: int, metrics: list[StepMetrics]
) -> StepMetrics:
    """One step of the optimiser; where it fails, the text says at which states."""
    began = time.perf_counter()
    try:
        updated = learner.update(batch, step, metrics)
    except StageFailed as error:
        keys = ", ".join(str(example.key) for example in drawn)
        raise StageFailed(
            f"{error}; states of the step: {keys}; the last good checkpoint, if there was one, is in "
            f"{run.checkpoint_folder}"
        ) from error
    return {**updated, "update_s": time.perf_counter() - began}


def _sft_batches(config: TrainConfig, completions: Mapping[StateKey, Sequence[int]]) -> MakeBatch:
    def make_batch(step: int, drawn: list[Example]) -> tuple[Batch, list[Example], StepMetrics]:
        batch = sft_batch(config, drawn, [completions[example.key] for example in drawn])
        return batch, drawn, {"states": len(drawn), "samples": len(drawn), "sample_s": 0.0, "verify_s": 0.0}

    return make_batch


def _grpo_batches(run: TrainingRun, pool: Sequence[Example], group_sampler: GroupSampler) -> MakeBatch:
    config = run.config

    def sample(drawn: list[Example], seed: int) -> Groups:
        return group_sampler.groups(drawn, Sampling(config.samples, config.temperature, config.max_tokens, seed))

    def make_batch(step: int, drawn: list[Example]) -> tuple[Batch, list[Example], StepMetrics]:
        groups = sample(drawn, derive_seed(run.seed, "sample", step))
        _require_decided(groups, run.score.max_undecided, config.samples, step)
        if config.refill:
            groups = refill(groups, pool, derive_seed(run.seed, "refill", step), sample)
        # A refilled step keeps its size; what is measured is over all that were drawn.
        chosen = groups.varying_first(len(drawn))
        chosen_examples = [groups.examples[k] for k in chosen]
        samples, rewards_KG = [groups.samples[k] for k in chosen], groups.compared_rewards_KG[chosen]
        batch = grpo_batch(config, chosen_examples, samples, rewards_KG)
        return batch, groups.examples, groups.metrics()

    return make_batch


def _require_decided(groups: Groups, max_undecided: float, samples: int, step: int) -> None:
    """Stop rather than train on the few samples that a judge decides when it hardly answers. The samples of one state
    may stay undecided at any bound."""
    if groups.undecided > max(samples, max_undecided * groups.rewards_KG.numel()):
        raise StageFailed(
            f"train: step {step}: the verifier could not decide {groups.undecided} of {groups.rewards_KG.numel()} "
            f"samples (score.max_undecided {max_undecided}); see that the judge of score.verifier answers, raise its "
            "max_requests where that is spent, or mend your function; then run again: training goes on from its last "
            "checkpoint"
        )


def _warn_of_repeated_prompts(config: TrainConfig, longest: int) -> None:
    """Tell where the tree of one state may exceed a pass, so that it is cut and its prompt computed again."""
    group = longest + (config.samples - 1) * (config.max_tokens + config.max_thinking_tokens)
    if group > config.tokens_per_batch:
        log.warning(
            "train: samples of a state may take %d tokens, more than train.tokens_per_batch (%d), and the prompt is "
            "then computed more than once; raise it where memory allows (train.gradient_checkpointing saves some)",
            group,
            config.tokens_per_batch,
        )
