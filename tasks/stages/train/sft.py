"""Supervised fine-tuning as the same loop: the demonstration is the only sample, its advantage is 1, nobody samples.

The trees are those of GRPO. Where the chat template keeps history as it was, a demonstration is itself the beginning of
the next state's prompt, so that all states of a trajectory cost one pass over the trajectory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from schemas.training import TrainConfig
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.stages.train import objective
from tasks.stages.train.compute.learner import Batch, Learner
from tasks.stages.train.compute.tree import Branch
from tasks.stages.train.loop import Collected, Job, OnStep, Trained, run
from tasks.stages.train.states import Admitted, DropReason, admit, require_states
from tasks.stages.train.validation import Validation
from tasks.states.example import Example, StateKey


def train(job: Job, states: Sequence[Example], on_step: OnStep, validation: Validation | None = None) -> Trained:
    """Train a policy on the demonstrations of states and write it to `job.output_folder`.

    States with too long a prompt, or too long with the demonstration, or whose demonstration the chat template does not
    render, are dropped with a reason.

    Raises:
        InputError: the model folder cannot be used.
        StageFailed: no state is left, a loss is not finite, a gradient explodes, or memory ran out.
    """
    short = admit(states, job.settings.max_state_tokens)
    completions = _completions(ChatFormat(job.model_folder), short.states)
    unrendered = {s.key: DropReason.NOT_RENDERED for s in short.states if s.key not in completions}
    room = job.settings.max_state_tokens + job.settings.max_tokens
    long = {s.key: DropReason.TOO_LONG for s in short.states if len(s.prompt) + len(completions.get(s.key, ())) > room}
    dropped = {**short.dropped, **unrendered, **long}
    admitted = Admitted([s for s in short.states if s.key not in dropped], dropped)
    require_states(admitted)
    longest = max(len(s.prompt) + len(completions[s.key]) for s in admitted.states)
    learner = Learner(job.model_folder, job.settings, longest, job.seed, job.processes)

    def collect(step: int, drawn: list[Example]) -> Collected:
        branches = [Branch(s.state.trajectory_id, s.prompt, completions[s.key]) for s in drawn]
        return Collected(sft_batch(job.settings, branches), drawn, samples=len(branches))

    return run(job, learner, admitted, collect, None, on_step, validation)


def _completions(chat: ChatFormat, states: Sequence[Example]) -> dict[StateKey, list[int]]:
    """By state key, the demonstration's tokens, for those that the template renders after the prompt."""
    found = {}
    for state in states:
        try:
            ids = chat.completion(state.state.messages, state.state.tools, state.demonstration)
        except InputError:
            continue
        if ids is not None:
            found[state.key] = ids
    return found


def sft_batch(settings: TrainConfig, branches: Sequence[Branch]) -> Batch:
    """The cross-entropy of the branches' completions, averaged as `train.aggregation` says."""
    weights_M = objective.token_weights(torch.tensor([len(b.completion) for b in branches]), settings.aggregation)
    return Batch(branches, weights_M, advantages_M=torch.ones_like(weights_M), sampler_logprobs_M=None)
