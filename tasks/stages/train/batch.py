"""The batch of a step: its samples, and for each of their tokens what the loss needs beside the policy itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from schemas.training import TrainConfig
from tasks.sampler.sampler import Sample
from tasks.stages.train import objective
from tasks.stages.train.compute.tree import Branch
from tasks.states.example import Example


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one step that give a gradient, and what the loss needs, for each of their M predicted tokens.

    `weights_M` make token losses the step's loss. Without `sampler_logprobs_M` the loss is the cross-entropy (SFT).
    """

    branches: Sequence[Branch]
    weights_M: Tensor
    advantages_M: Tensor
    sampler_logprobs_M: Tensor | None

    @property
    def samples_M(self) -> Tensor:
        """Whose token it is: the index of its branch."""
        lengths = torch.tensor([len(branch.completion) for branch in self.branches])
        return torch.arange(len(self.branches)).repeat_interleave(lengths)


def grpo_batch(
    config: TrainConfig, examples: Sequence[Example], samples: Sequence[Sequence[Sample]], rewards_KG: Tensor
) -> Batch:
    """The samples of groups whose rewards vary; the others count in the loss's denominators and are not computed.

    A sample that is undecided or masked (its reward is NaN) counts nowhere.
    """
    decided_S = ~rewards_KG.flatten().isnan()
    lengths_S = torch.tensor([len(sample.token_ids) for group in samples for sample in group])[decided_S]
    vary_KG = objective.groups_vary(rewards_KG)[:, None].expand_as(rewards_KG)
    computed_M = vary_KG.flatten()[decided_S].repeat_interleave(lengths_S)
    advantages_S = objective.advantages(rewards_KG, config.advantage).flatten()[decided_S]
    computed_KG = (vary_KG & ~rewards_KG.isnan()).tolist()
    computed = [
        (example, sample)
        for example, group, computed_G in zip(examples, samples, computed_KG, strict=True)
        for sample, is_computed in zip(group, computed_G, strict=True)
        if is_computed
    ]
    return Batch(
        [Branch(example.state.trajectory_id, example.prompt, sample.token_ids) for example, sample in computed],
        weights_M=objective.token_weights(lengths_S, config.aggregation)[computed_M],
        advantages_M=advantages_S.repeat_interleave(lengths_S)[computed_M],
        sampler_logprobs_M=torch.tensor([p for _, sample in computed for p in sample.logprobs], dtype=torch.float32),
    )


def sft_batch(config: TrainConfig, examples: Sequence[Example], completions: Sequence[Sequence[int]]) -> Batch:
    """The cross-entropy of the demonstrations' tokens, averaged as `train.aggregation` says.

    The demonstration is the only sample, and its advantage is 1. Where the chat template keeps history as it was, a
    demonstration begins the next state's prompt, and all states of a trajectory cost one pass over the trajectory.
    """
    branches = [
        Branch(example.state.trajectory_id, example.prompt, completion)
        for example, completion in zip(examples, completions, strict=True)
    ]
    weights_M = objective.token_weights(torch.tensor([len(c) for c in completions]), config.aggregation)
    return Batch(branches, weights_M, advantages_M=torch.ones_like(weights_M), sampler_logprobs_M=None)
