"""One update: what it changes, what it measures, and when it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from schemas.policies import POLICIES
from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.stages.train.batch import Batch
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.tree import Branch


def batch(advantages=(1.0, -1.0)):
    """Two samples of a state, of two tokens and of one."""
    branches = [Branch("t", [1, 2, 3], [5, 6]), Branch("t", [1, 2, 3], [7])]
    advantages_M = torch.tensor([advantages[0], advantages[0], advantages[1]])
    return Batch(branches, torch.full((3,), 1 / 3), advantages_M, torch.tensor([-5.0, -6.0, -5.5]))


def weights(learner):
    return {name: value.clone() for name, value in learner.weights()}


def moved(learner, before):
    """By how much the weights are another than before, at most."""
    return max(float((value - before[name]).abs().max()) for name, value in learner.weights())


def test_an_update_moves_the_weights_and_reports_columns_of_the_table(policy_folder):
    learner = Learner(policy_folder, TrainConfig(learning_rate=1e-2, kl_coefficient=0.1), 100)
    before = weights(learner)
    updated = learner.update(batch(), 0)
    assert moved(learner, before) > 1e-3
    assert updated.keys() < POLICIES.columns.keys()
    assert {"clip_share", "kl", "entropy", "sampler_mismatch"} <= updated.keys()
    assert (updated["distinct_tokens"], updated["repeated_tokens"]) == (4, 4 + 3)
    assert updated["entropy"] == pytest.approx(5.5, abs=0.1)  # near log(258): the weights are random
    assert updated["sampler_mismatch"] < 1.0


def test_no_samples_change_nothing(policy_folder):
    learner = Learner(policy_folder, TrainConfig(learning_rate=1e-2, weight_decay=0.1), 100)
    learner.update(batch(), 0)  # now the optimiser has moments
    before = weights(learner)
    nothing = torch.empty(0)
    updated = learner.update(Batch([], nothing, nothing, nothing), 1)
    assert moved(learner, before) == 0.0
    assert {name for name, value in updated.items() if value} == {"learning_rate"}
    assert "entropy" not in updated


def test_the_learning_rate_rises_linearly_and_stays(policy_folder):
    learner = Learner(policy_folder, TrainConfig(learning_rate=1e-2, warmup_steps=4), 100)
    rates = [learner.update(batch(), step)["learning_rate"] for step in range(6)]
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])


def test_weights_decay_in_matrices_alone(policy_folder):
    learner = Learner(policy_folder, TrainConfig(weight_decay=0.5), 100)
    decays = {group["weight_decay"]: {p.ndim for p in group["params"]} for group in learner.optimiser.param_groups}
    assert decays == {0.5: {2}, 0.0: {1}}


@pytest.mark.parametrize(
    ("advantage", "metrics", "text"),
    [
        (float("nan"), [], r"step 7: loss nan and gradient norm nan are not both finite"),
        (1e12, [{"grad_norm": 0.1}] * 20, r"step 7: gradient norm .* is more than 1000 times 0.1"),
    ],
)
def test_an_update_that_would_spoil_the_weights_is_refused_before_it(policy_folder, advantage, metrics, text):
    learner = Learner(policy_folder, TrainConfig(learning_rate=1e-2), 100)
    before = weights(learner)
    with pytest.raises(StageFailed, match=text):
        learner.update(batch((advantage, 1.0)), 7, metrics)
    assert moved(learner, before) == 0.0
    assert learner.update(batch(), 8, metrics)["grad_norm"] > 0, "the next batch begins with no gradient"


def test_a_gradient_is_added_up_over_batches_until_the_update(policy_folder):
    learner = Learner(policy_folder, TrainConfig(), 100)
    learner.accumulate_gradients(batch())
    once = torch.cat([p.grad.flatten() for p in learner.model.parameters()])
    learner.accumulate_gradients(batch())
    twice = torch.cat([p.grad.flatten() for p in learner.model.parameters()])
    torch.testing.assert_close(twice, 2 * once)


def test_sft_measures_no_ratio_and_has_no_reference(policy_folder):
    learner = Learner(policy_folder, TrainConfig(method="sft", kl_coefficient=0.1), 100)
    updated = learner.update(replace(batch((1.0, 1.0)), sampler_logprobs_M=None), 0)
    assert learner.reference is None
    assert updated["loss"] == pytest.approx(5.5, abs=0.5)
    assert not {"kl", "clip_share", "sampler_mismatch"} & updated.keys()
