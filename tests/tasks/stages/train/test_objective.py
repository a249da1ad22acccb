"""The loss's parts by their definitions, and what the paper proves of them."""

from __future__ import annotations

import math
import re
from typing import get_args

import pytest
import torch

from schemas.training import TrainConfig
from tasks.stages.train import textbook
from tasks.stages.train.objective import (
    ADVANTAGES,
    AGGREGATIONS,
    IMPORTANCE_LEVELS,
    advantages,
    clipped_ratio_loss,
    groups_vary,
    importance_weights,
    kl_loss,
    token_losses,
    token_weights,
)
from tests.extending import Copy
from tests.servers import ROOT

TABLES = {"advantage": ADVANTAGES, "aggregation": AGGREGATIONS, "importance_level": IMPORTANCE_LEVELS}
REWARDS = [[1.0, 0.0, 0.0, 1.0], [0.2, 0.9, 0.4, 0.4], [1.0, 1.0, 1.0, 1.0]]


@pytest.mark.parametrize("setting", TABLES)
def test_every_variant_that_can_be_named_is_there(setting):
    assert set(TABLES[setting]) == set(get_args(TrainConfig.model_fields[setting].annotation))


@pytest.mark.parametrize("kind", ADVANTAGES)
def test_advantages_equal_the_definitions(kind):
    expected = [textbook.advantages(group, kind) for group in REWARDS]
    torch.testing.assert_close(advantages(torch.tensor(REWARDS), kind), torch.tensor(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ADVANTAGES)
def test_rounding_noise_is_no_variance(kind):
    """A test of `std != 0` would call this variance."""
    noisy_KG = torch.tensor([[0.6, 0.6 + 1e-7, 0.6, 0.6]])
    assert noisy_KG.std() > 0
    assert groups_vary(noisy_KG).tolist() == [False]
    assert advantages(noisy_KG, kind).abs().max() == 0


@pytest.mark.parametrize("kind", ADVANTAGES)
def test_an_undecided_sample_belongs_to_no_group(kind):
    nan = float("nan")
    rewards_KG = torch.tensor([[1.0, nan, 0.0, 1.0], [1.0, nan, 1.0, 1.0], [1.0, nan, nan, nan], [nan] * 4])
    assert groups_vary(rewards_KG).tolist() == [True, False, False, False]
    advantages_KG = advantages(rewards_KG, kind)
    torch.testing.assert_close(advantages_KG[0, [0, 2, 3]], advantages(torch.tensor([[1.0, 0.0, 1.0]]), kind)[0])
    assert advantages_KG[1:].abs().max() == 0


def test_token_mean_counts_tokens_and_sequence_mean_samples():
    lengths_S = torch.tensor([1, 3])
    assert token_weights(lengths_S, "token_mean").tolist() == [0.25] * 4
    torch.testing.assert_close(token_weights(lengths_S, "sequence_mean"), torch.tensor([0.5, *[1 / 6] * 3]))


@pytest.mark.parametrize(
    ("ratio", "advantage"), [(1.5, 2.0), (1.5, -2.0), (0.5, 2.0), (0.5, -2.0), (1.1, 1.0), (1.0, 1.0)]
)
def test_the_clip_is_ppos(ratio, advantage):
    logprobs_T = torch.tensor([math.log(ratio)], requires_grad=True)
    losses_T, clipped_T = clipped_ratio_loss(logprobs_T, torch.zeros(1), torch.tensor([advantage]), 0.2, 0.3)
    expected = -min(ratio * advantage, min(max(ratio, 0.8), 1.3) * advantage)
    assert losses_T.item() == pytest.approx(expected)
    losses_T.sum().backward()
    assert clipped_T.item() == (logprobs_T.grad.item() == 0)


def test_importance_weights_are_truncated_and_carry_no_gradient():
    logprobs_T = torch.tensor([0.0, -1.0], requires_grad=True)
    weights_T = importance_weights(logprobs_T, torch.tensor([-3.0, -0.5]), torch.tensor([0, 0]), 2.0, "token")
    torch.testing.assert_close(weights_T, torch.tensor([2.0, math.exp(-0.5)]))
    assert not weights_T.requires_grad


def test_sequence_weights_are_truncated_products_over_a_samples_tokens():
    logprobs_T = torch.tensor([0.1, -1.0, 0.2, -0.5], requires_grad=True)
    sampler_T = torch.tensor([-0.1, -0.5, -0.3, -0.7])
    weights_T = importance_weights(logprobs_T, sampler_T, torch.tensor([0, 2, 0, 2]), 1.5, "sequence")
    expected = [min(math.exp(0.2 + 0.5), 1.5), math.exp(-0.5 + 0.2)]
    torch.testing.assert_close(weights_T, torch.tensor([expected[0], expected[1], expected[0], expected[1]]))
    assert not weights_T.requires_grad


def test_the_kl_term_has_the_divergences_value_and_gradient():
    """The expectations over all outcomes of a small distribution."""
    theta = torch.tensor([0.5, 0.3, 0.2]).log().requires_grad_()
    policy, reference = theta.log_softmax(-1), torch.tensor([0.2, 0.3, 0.5]).log()
    terms = kl_loss(policy, policy.detach(), reference)
    assert (terms >= 0).all()
    exact = (policy.exp() * (policy - reference)).sum()
    expected = (policy.detach().exp() * terms).sum()
    torch.testing.assert_close(expected, exact)
    gradients = [torch.autograd.grad(value, theta, retain_graph=True)[0] for value in (expected, exact)]
    torch.testing.assert_close(*gradients)


LOSSES = [
    {},
    {"importance_cap": 0.0, "clip_high": 0.28},
    {"kl_coefficient": 0.1},
    {"importance_level": "sequence", "importance_cap": 1.2, "kl_coefficient": 0.1},
    {"importance_cap": 0.0, "kl_coefficient": 0.1},
]


@pytest.mark.parametrize("changes", LOSSES, ids=str)
@pytest.mark.parametrize("advantage", [1.5, -0.5])
def test_a_samples_token_losses_and_their_gradient_are_the_textbooks(changes, advantage):
    config = TrainConfig(**changes)
    random = torch.Generator().manual_seed(0)
    theta = (-torch.rand(6, generator=random)).requires_grad_()
    sampler_T, reference_T = (theta.detach() + 0.4 * torch.randn(6, generator=random) for _ in range(2))
    reference_T = reference_T if config.kl_coefficient else None
    expected_T = textbook.token_losses(theta, sampler_T, reference_T, advantage, config)
    one_sample_T, advantages_T = torch.zeros(6, dtype=torch.int64), torch.full((6,), advantage)
    losses_T, measured = token_losses(config, theta, advantages_T, one_sample_T, sampler_T, reference_T)
    torch.testing.assert_close(losses_T, expected_T)
    gradients = [torch.autograd.grad(losses.sum(), theta)[0] for losses in (losses_T, expected_T)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(measured["sampler_mismatch"], (theta - sampler_T).abs().detach())
    assert ("kl" in measured) == (config.kl_coefficient > 0)
    assert not any(values_T.requires_grad for values_T in measured.values())


def test_the_clip_share_is_that_of_tokens_without_gradient():
    theta = torch.tensor([0.0, 0.0], requires_grad=True)
    config, one_sample_T = TrainConfig(importance_cap=0.0), torch.zeros(2, dtype=torch.int64)
    losses_T, measured = token_losses(config, theta, torch.ones(2), one_sample_T, torch.tensor([-1.0, 0.0]), None)
    losses_T.sum().backward()
    assert measured["clip_share"].tolist() == [1.0, 0.0]
    assert theta.grad.tolist() == [0.0, -1.0]


def test_without_a_sampler_the_loss_is_the_cross_entropy():
    theta = torch.tensor([-1.0, -2.0], requires_grad=True)
    one_sample_T = torch.zeros(2, dtype=torch.int64)
    losses_T, measured = token_losses(TrainConfig(method="sft"), theta, torch.ones(2), one_sample_T, None, None)
    assert losses_T.tolist() == [1.0, 2.0] and not measured


def natural_gradient_norm(theta, rewards):
    """(g F^-1 g)^1/2 of a tabular softmax, F its Fisher matrix and g = E[(r - mean) grad log pi]; the rewards' std."""
    pi = theta.softmax(-1)
    mean = (pi * rewards).sum()
    std = (pi * (rewards - mean) ** 2).sum().sqrt()
    gradient = pi * (rewards - mean)
    fisher = torch.diag(pi) - torch.outer(pi, pi)
    return (gradient @ torch.linalg.pinv(fisher) @ gradient).sqrt(), std


def test_the_natural_gradient_norm_is_the_rewards_standard_deviation():
    """Paper, Proposition 3.2 at beta = 1: the signal of an expected-reward step is sqrt(Var(r))."""
    torch.manual_seed(0)
    for _ in range(20):
        theta, rewards = torch.randn(6, dtype=torch.float64), torch.randint(0, 2, (6,)).double()
        norm, std = natural_gradient_norm(theta, rewards)
        torch.testing.assert_close(norm, std)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_along_the_regularised_path_the_signal_is_the_deviation_over_beta_squared(beta):
    """Paper, Proposition 3.2: pi_beta is proportional to pi_0 exp(r / beta); the Fisher norm of its derivative by beta
    is sqrt(Var(r)) / beta^2, with the variance under pi_beta."""
    found = []
    for chance in (0.02, 0.2, 0.5):
        reference = torch.tensor([chance, 0.6 * (1 - chance), 0.4 * (1 - chance)], dtype=torch.float64)
        rewards = torch.tensor([1.0, 0, 0], dtype=torch.float64)

        def theta(b, reference=reference, rewards=rewards):
            return reference.log() + rewards / b

        at = torch.tensor(beta, dtype=torch.float64)
        pi, tangent = theta(at).softmax(-1), torch.autograd.functional.jacobian(theta, at)
        fisher = torch.diag(pi) - torch.outer(pi, pi)
        std = (pi * rewards.square()).sum().sub((pi * rewards).sum() ** 2).sqrt()
        norm = (tangent @ fisher @ tangent).sqrt()
        torch.testing.assert_close(norm, std / beta**2)
        found.append((float(std), float(norm)))
    assert [norm for _, norm in sorted(found)] == sorted(norm for _, norm in found)


@pytest.mark.parametrize("kind", ADVANTAGES)
def test_groups_without_variance_do_not_move_a_tabular_policy(kind):
    """Paper, Proposition 3.1."""
    theta = torch.randn(5, requires_grad=True)
    actions = torch.tensor([0, 1, 1, 3])
    for rewards, moves in (([1.0, 1.0, 1.0, 1.0], False), ([0.0, 0.0, 0.0, 0.0], False), ([1.0, 0.0, 0.0, 1.0], True)):
        logprobs_T = theta.log_softmax(-1)[actions]
        advantages_T = advantages(torch.tensor([rewards]), kind)[0]
        losses_T, _ = clipped_ratio_loss(logprobs_T, logprobs_T.detach(), advantages_T, 0.2, 0.2)
        (gradient,) = torch.autograd.grad(losses_T.mean(), theta)
        assert bool(gradient.abs().max() > 0) is moves


README = (ROOT / "tasks" / "stages" / "train" / "README.md").read_text()
USE = """
import torch
from schemas.training import TrainConfig
from tasks.sampler.sampler import Sample
from tasks.stages.train.batch import grpo_batch
from tasks.states.example import Example
from schemas.chat import Action, State

config = TrainConfig(advantage="best")
example = Example(State("t", 0, (), ()), Action("x"), prompt=[1])
samples = [[Sample([5], [-1.0], True) for _ in range(4)]]
print(grpo_batch(config, [example], samples, torch.tensor([[1.0, 0.0, 0.5, 1.0]])).advantages_M.tolist())
"""


@pytest.mark.slow
def test_an_advantage_is_added_as_the_readme_says(tmp_path):
    (function,) = re.findall(r"^def _best.*?\n\n", README, re.DOTALL | re.MULTILINE)
    copy = Copy(tmp_path)
    objective = "tasks/stages/train/objective.py"
    copy.change(objective, "ADVANTAGES: ", f"{function}\nADVANTAGES: ")
    copy.change(objective, '    "dr_grpo": _dr_grpo,\n', '    "dr_grpo": _dr_grpo,\n    "best": _best,\n')
    literal = 'advantage: Literal["grpo", "leave_one_out", "dr_grpo"'
    copy.change("schemas/training.py", literal, f'{literal}, "best"')
    assert copy.python("-c", USE) == "[1.0, 0.0, 0.0, 1.0]\n"
