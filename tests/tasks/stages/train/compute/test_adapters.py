"""LoRA: what is computed, what is trained, and what others get."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.training import TrainConfig
from tasks.stages.train.batch import Batch
from tasks.stages.train.compute.adapters import ALPHA, adapters_off
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.model import load_model
from tasks.stages.train.compute.tree import Branch
from tasks.stages.train.loop import train

pytest.importorskip("peft", reason="LoRA needs peft")

RANK = 4


def batch(trajectories=("t",)):
    """Two samples of a state of each."""
    branches = [Branch(t, [1, 2, 3, 4], action) for t in trajectories for action in ([5, 6, 7], [5, 8])]
    tokens = 5 * len(trajectories)
    advantages_M = torch.tensor([1.0, 1, 1, -1, -1] * len(trajectories))
    return Batch(branches, torch.full((tokens,), 1 / tokens), advantages_M, torch.full((tokens,), -5.5))


def disturbed(learner):
    """Adapters away from their first values, where they do nothing."""
    generator = torch.Generator().manual_seed(1)
    for parameter in learner.model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(0, 0.1, generator=generator)
    return learner


def logits(model):
    return model(torch.arange(1, 21)[None]).logits.detach()


def test_adapters_change_nothing_at_first_and_little_is_trained(policy_folder):
    learner = Learner(policy_folder, TrainConfig(lora_rank=RANK), 100)
    torch.testing.assert_close(logits(learner.model), logits(load_model(policy_folder)), rtol=0, atol=0)
    trained = [name for name, parameter in learner.model.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * 7 * 2  # A and B of seven matrices in two layers
    assert all(".lora_" in name for name in trained)
    assert learner.shares_prefixes


def test_merged_weights_give_the_adapted_logits(policy_folder):
    learner = disturbed(Learner(policy_folder, TrainConfig(lora_rank=RANK), 100))
    plain = load_model(policy_folder)
    before = logits(plain)
    names = {name for name, _ in plain.named_parameters()}
    weights = dict(learner.weights())
    assert set(weights) == names
    plain.load_state_dict(weights, strict=False)
    torch.testing.assert_close(logits(plain), logits(learner.model), rtol=1e-5, atol=1e-5)
    assert (logits(plain) - before).abs().max() > 1e-2


def test_the_gradient_is_that_of_full_training_through_the_low_rank_delta(policy_folder):
    """dL/dB = scale dL/dW A^T and dL/dA = scale B^T dL/dW, at the merged weights W."""
    lora = disturbed(Learner(policy_folder, TrainConfig(lora_rank=RANK), 100))
    full = Learner(policy_folder, TrainConfig(), 100)
    full.model.load_state_dict(dict(lora.weights()), strict=False)
    losses = [learner.accumulate_gradients(batch())["loss"] for learner in (lora, full)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    adapted, plain = dict(lora.model.named_parameters()), dict(full.model.named_parameters())
    for name in (n for n in adapted if ".lora_B" in n):
        a, b = adapted[name.replace("lora_B", "lora_A")], adapted[name]
        gradient = plain[name.replace(".lora_B.default", "")].grad * ALPHA / RANK
        for found, expected in ((b.grad, gradient @ a.data.T), (a.grad, b.data.T @ gradient)):
            assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_the_reference_is_the_model_with_its_adapters_off(policy_folder):
    learner = disturbed(Learner(policy_folder, TrainConfig(lora_rank=RANK, kl_coefficient=0.1), 100))
    trained = [parameter.requires_grad for parameter in learner.model.parameters()]
    before = logits(learner.model)
    with adapters_off(learner.reference):
        torch.testing.assert_close(logits(learner.model), logits(load_model(policy_folder)), rtol=0, atol=0)
    torch.testing.assert_close(logits(learner.model), before, rtol=0, atol=0)
    assert [parameter.requires_grad for parameter in learner.model.parameters()] == trained


@pytest.mark.parametrize("changes", [{}, {"gradient_checkpointing": True}, {"tokens_per_batch": 64}])
def test_the_divergence_and_its_gradient_are_those_from_a_reference_loaded_apart(policy_folder, changes):
    settings = TrainConfig(lora_rank=RANK, kl_coefficient=0.5, **changes)
    found = []
    for reference in (None, load_model(policy_folder)):
        learner = disturbed(Learner(policy_folder, settings, 100))
        learner.reference = reference or learner.reference
        sums = learner.accumulate_gradients(batch(["t", "t2"]))
        found.append((sums, {n: p.grad for n, p in learner.model.named_parameters() if p.grad is not None}))
    (sums, gradients), (expected_sums, expected) = found
    assert sums["kl"] > 1e-3
    assert sums == pytest.approx(expected_sums, rel=1e-6)
    torch.testing.assert_close(gradients, expected, rtol=1e-6, atol=1e-9)


def test_a_run_gives_a_merged_model_folder(a_run, policy_folder, states, sampler, verify, tmp_path):
    run = a_run(policy_folder, tmp_path, lora_rank=RANK)
    train(run, states, sampler, verify, lambda measured: None)
    saved = AutoModelForCausalLM.from_pretrained(run.output_folder)
    assert {p.name for p in run.output_folder.iterdir()} == {p.name for p in policy_folder.iterdir()}
    original = dict(AutoModelForCausalLM.from_pretrained(policy_folder).named_parameters())
    for name, parameter in saved.named_parameters():
        torch.testing.assert_close(parameter, sampler.weights[-1][name], rtol=0, atol=0)
        assert torch.equal(parameter, original[name]) == ("proj" not in name)


def test_adapters_begin_alike_for_a_seed_and_leave_the_generator_alone(policy_folder):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    settings = TrainConfig(lora_rank=RANK)
    states = [Learner(policy_folder, settings, 100, seed).model.state_dict() for seed in (0, 0, 1)]
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    name = "model.layers.0.self_attn.q_proj.lora_A.default.weight"
    assert torch.equal(states[0][name], states[1][name]) and not torch.equal(states[0][name], states[2][name])
