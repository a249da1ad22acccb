"""GRPO on pivots, one action deep (PivotRL, step 4: train): sample G actions a state, verify them, update, repeat.

What is left out of the textbook loop: an environment (an action ends the episode) and several updates from one set of
samples (each is used once, so the old policy is the one under training, and only its difference from the sampler needs
correcting).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence

import torch

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.stages.train import objective
from tasks.stages.train.compute.learner import Batch, Learner
from tasks.stages.train.compute.tree import Branch
from tasks.stages.train.groups import Groups, refilled
from tasks.stages.train.loop import Collected, Job, OnStep, Trained, run
from tasks.stages.train.states import admit, require_states
from tasks.stages.train.validation import Validation
from tasks.states.example import Example
from tasks.verifiers.verdict import Verify

log = logging.getLogger(__name__)

_SEEDS = 2**31


def train(
    job: Job,
    states: Sequence[Example],
    sampler: Sampler,
    verify: Verify,
    on_step: OnStep,
    held_out: list[Example] | None = None,
) -> Trained:
    """Train a policy by GRPO and write it to `job.output_folder`.

    Args:
        job: folders, settings and seed; an interrupted run is continued from its checkpoint.
        states: pivots; those with too long a prompt are dropped, with the reason in the result.
        sampler: holds the weights of `job.model_folder`, and gets the new ones after every update.
        verify: the verifier that scored the pivots.
        on_step: called with each step's metrics.
        held_out: states to validate on every `train.validate_every` steps; none given = no validation.

    Raises:
        InputError: the model folder cannot be used.
        StageFailed: no state is left, the verifier decides too little, a loss is not finite, a gradient explodes, or
            memory ran out.
    """
    settings = job.settings
    room = settings.engine.prompt_room(settings.max_tokens)
    admitted = admit(states, min(settings.max_state_tokens, room))
    require_states(admitted)
    longest = max(len(s.prompt) for s in admitted.states) + settings.max_tokens
    if (group := longest + (settings.samples - 1) * settings.max_tokens) > settings.tokens_per_batch:
        log.warning(
            "train: samples of a state may take %d tokens, more than train.tokens_per_batch (%d), and the prompt is "
            "then computed more than once; raise it where memory allows (train.gradient_checkpointing saves some)",
            group,
            settings.tokens_per_batch,
        )
    learner = Learner(job.model_folder, settings, longest, job.seed, job.processes)
    rollout = job.rollout(sampler, verify)

    def sample(drawn: list[Example], seed: int) -> Groups:
        return rollout.groups(drawn, Sampling(settings.samples, settings.temperature, settings.max_tokens, seed))

    def collect(step: int, drawn: list[Example]) -> Collected:
        groups = sample(drawn, (job.seed * 1_000_003 + step) % _SEEDS)
        _require_decided(groups, job.max_undecided, settings.samples, step)
        if settings.refill:
            groups = refilled(groups, admitted.states, random.Random(f"{job.seed}:refill:{step}"), sample)
        return _collected(settings, groups, len(drawn))

    validation = Validation(rollout, held_out, settings.max_tokens) if held_out else None
    return run(job, learner, admitted, collect, sampler, on_step, validation)


def _require_decided(groups: Groups, bound: float, samples: int, step: int) -> None:
    """Stop rather than go on with what a judge that does not answer leaves over; one state's samples may be."""
    if groups.undecided > max(samples, bound * groups.rewards_KG.numel()):
        raise StageFailed(
            f"train: step {step}: the verifier could not decide {groups.undecided} of {groups.rewards_KG.numel()} "
            f"samples (score.max_undecided {bound}); see that the judge of score.verifier answers, raise its "
            "max_requests where that is spent, or mend your function; then run again: training goes on from its last "
            "checkpoint"
        )


def _collected(settings: TrainConfig, groups: Groups, size: int) -> Collected:
    """The batch of `size` of the groups; what is measured is over all that were drawn."""
    rewards_KG, chosen = groups.rewards_KG, groups.batch_of(size)
    decided = rewards_KG[~rewards_KG.isnan()]
    vary_K = objective.groups_vary(rewards_KG[~rewards_KG.isnan().all(1)])
    return Collected(
        grpo_batch(
            settings, [groups.states[k] for k in chosen], [groups.samples[k] for k in chosen], rewards_KG[chosen]
        ),
        groups.states,
        samples=rewards_KG.numel(),
        reward_mean=float(rewards_KG.nanmean()) if len(decided) else None,
        reward_std=float(decided.std()) if len(decided) > 1 else None,
        zero_variance=1.0 - float(vary_K.float().mean()) if len(vary_K) else None,
        parse_failures=groups.parse_failures / rewards_KG.numel(),
        undecided=groups.undecided / rewards_KG.numel(),
        sample_s=groups.sample_s,
        verify_s=groups.verify_s,
    )


def grpo_batch(
    settings: TrainConfig,
    states: Sequence[Example],
    samples: Sequence[Sequence[Sample]],
    rewards_KG: torch.Tensor,
) -> Batch:
    """The samples of groups whose rewards vary; the others count in the loss's denominators and are not computed.

    An undecided sample (its reward is NaN) counts nowhere.
    """
    decided_S = ~rewards_KG.flatten().isnan()
    lengths_S = torch.tensor([len(sample.token_ids) for group in samples for sample in group])[decided_S]
    vary_KG = objective.groups_vary(rewards_KG)[:, None].expand_as(rewards_KG)
    kept_M = vary_KG.flatten()[decided_S].repeat_interleave(lengths_S)
    advantages_S = objective.advantages(rewards_KG, settings.advantage).flatten()[decided_S]
    kept_KG = (vary_KG & ~rewards_KG.isnan()).tolist()
    kept = [
        (states[k], sample)
        for k, group in enumerate(samples)
        for sample, keep in zip(group, kept_KG[k], strict=True)
        if keep
    ]
    return Batch(
        [Branch(state.state.trajectory_id, state.prompt, sample.token_ids) for state, sample in kept],
        weights_M=objective.token_weights(lengths_S, settings.aggregation)[kept_M],
        advantages_M=advantages_S.repeat_interleave(lengths_S)[kept_M],
        sampler_logprobs_M=torch.tensor([p for _, sample in kept for p in sample.logprobs], dtype=torch.float32),
    )
