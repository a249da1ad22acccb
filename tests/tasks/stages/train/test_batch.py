"""What a step's batch holds."""

from __future__ import annotations

import pytest
import torch

from schemas.training import TrainConfig
from tasks.sampler.sampler import Sample
from tasks.stages.train.batch import grpo_batch, sft_batch
from tasks.stages.train.compute.tree import Branch


def sample(length, logprob=-1.0):
    return Sample([1] * length, [logprob] * length, True)


def test_an_undecided_sample_leaves_the_batch_as_if_never_drawn(states):
    config = TrainConfig(aggregation="sequence_mean")
    samples = [[sample(n) for n in (2, 1, 3)] for _ in states[:2]]
    undecided = torch.tensor([[1.0, float("nan"), 0.0], [float("nan"), 0.0, 1.0]])
    batch = grpo_batch(config, states[:2], samples, undecided)
    without = [[samples[0][0], samples[0][2]], samples[1][1:]]
    expected = grpo_batch(config, states[:2], without, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert batch.branches == expected.branches
    for name in ("weights_M", "advantages_M", "sampler_logprobs_M"):
        torch.testing.assert_close(getattr(batch, name), getattr(expected, name))


def test_groups_without_variance_are_not_computed_and_count_in_the_mean(states):
    samples = [[sample(2, -0.5), sample(1, -0.25)], [sample(3), sample(4)]]
    batch = grpo_batch(TrainConfig(), states[:2], samples, torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    assert batch.branches == [Branch("t0", states[0].prompt, [1] * n) for n in (2, 1)]
    torch.testing.assert_close(batch.weights_M, torch.full((3,), 1 / 10))
    assert batch.advantages_M.tolist() == pytest.approx([0.707, 0.707, -0.707], abs=1e-3)
    assert batch.sampler_logprobs_M.tolist() == [-0.5, -0.5, -0.25]
    assert batch.samples_M.tolist() == [0, 0, 1]


def test_a_demonstration_is_a_sample_of_advantage_one_without_a_sampler(states):
    batch = sft_batch(TrainConfig(method="sft", aggregation="sequence_mean"), states[:2], [[7], [8, 9]])
    assert batch.branches == [Branch("t0", s.prompt, c) for s, c in zip(states[:2], ([7], [8, 9]), strict=True)]
    assert batch.weights_M.tolist() == [0.5, 0.25, 0.25]
    assert batch.advantages_M.tolist() == [1.0] * 3 and batch.sampler_logprobs_M is None
