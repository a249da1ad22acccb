"""The textbook: that it runs and learns, and that the trainer's fast path computes what it does."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.chat import Action
from schemas.training import TrainConfig
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.parsing import ParseFailure
from tasks.stages.train import textbook
from tasks.stages.train.batch import grpo_batch, sft_batch
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.model import load_model
from tasks.stages.train.groups import Groups
from tasks.verifiers.verdict import Reason, Verdict
from tests.builders import episode, trajectory
from tests.pivots import HALF, commit_pivots

LOSSES = [
    {"advantage": advantage, "aggregation": aggregation, "importance_cap": cap, "kl_coefficient": kl, "clip_high": 0.28}
    for advantage in get_args(TrainConfig.model_fields["advantage"].annotation)
    for aggregation in get_args(TrainConfig.model_fields["aggregation"].annotation)
    for cap, kl in ((2.0, 0.0), (0.0, 0.0), (2.0, 0.1))
]
LOSSES += [
    {"importance_level": level, "importance_cap": cap, "kl_coefficient": 0.1}
    for level in get_args(TrainConfig.model_fields["importance_level"].annotation)
    for cap in (1.5, 1e6)
]
LOSSES += [{"gradient_checkpointing": True}]
UPDATES = [{}, {"weight_decay": 0.1, "warmup_steps": 3}, {"max_grad_norm": 0.01, "kl_coefficient": 0.1}]


def textbook_groups(policy_folder, examples, sampler, verify):
    """Four samples of each state, with their rewards."""
    chat = ChatFormat(policy_folder)
    groups = sampler.groups([e.prompt for e in examples], n=4, key="textbook")
    return [(e, group, textbook.rewards(chat, verify, e, group)) for e, group in zip(examples, groups, strict=True)]


def batch_of(config, groups):
    """The same for the trainer."""
    examples, samples, rewards = zip(*groups, strict=True)
    return grpo_batch(config, examples, samples, torch.tensor(rewards))


def disturb(*models):
    """Weights away from the reference policy's, so that the divergence from it is not 0."""
    for model in models:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)


def gradient(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def assert_the_same_gradient(learner, batch, model, losses):
    expected = sum(losses)
    expected.backward()
    loss = learner.accumulate_gradients(batch)["loss"]
    assert loss == pytest.approx(expected.item(), rel=1e-5, abs=1e-7)
    difference = gradient(learner.model) - gradient(model)
    assert gradient(model).norm() > 0
    assert difference.norm() <= 1e-5 * gradient(model).norm()


@pytest.mark.parametrize("tokens_per_batch", [64, 4096])
@pytest.mark.parametrize("changes", LOSSES, ids=lambda c: "-".join(str(v) for v in c.values()))
def test_a_steps_loss_and_gradient_are_the_textbooks(policy_folder, states, sampler, verify, changes, tokens_per_batch):
    config = TrainConfig(temperature=0.8, tokens_per_batch=tokens_per_batch, **changes)
    groups = textbook_groups(policy_folder, states, sampler, verify)
    assert {max(rewards) > min(rewards) for _, _, rewards in groups} == {True, False}
    learner, model = Learner(policy_folder, config, 100), load_model(policy_folder)
    disturb(learner.model, model)
    reference = load_model(policy_folder) if config.kl_coefficient else None
    losses = textbook.grpo_losses(model, reference, config, groups)
    assert_the_same_gradient(learner, batch_of(config, groups), model, losses)


def cut_off_some(groups):
    """The same with every third sample cut off, and all samples of one state."""
    return [
        (e, [replace(s, finished=k > 0 and (k + g) % 3 > 0) for g, s in enumerate(samples)], rewards)
        for k, (e, samples, rewards) in enumerate(groups)
    ]


@pytest.mark.parametrize("overlong", get_args(TrainConfig.model_fields["overlong"].annotation))
@pytest.mark.parametrize("changes", LOSSES, ids=lambda c: "-".join(str(v) for v in c.values()))
def test_overlong_samples_count_as_the_textbook_says(policy_folder, states, sampler, verify, changes, overlong):
    config = TrainConfig(temperature=0.8, overlong=overlong, **changes)
    groups = cut_off_some(textbook_groups(policy_folder, states, sampler, verify))
    examples, samples, rewards = zip(*groups, strict=True)
    together = Groups(examples, samples, torch.tensor(rewards), 0, 0, {}, masks_overlong=overlong == "mask")
    if overlong == "mask":
        groups = [(e, *textbook.without_overlong(s, r)) for e, s, r in groups]
        assert {len(s) for _, s, _ in groups} == {0, 2, 3}
    learner, model = Learner(policy_folder, config, 100), load_model(policy_folder)
    disturb(learner.model, model)
    reference = load_model(policy_folder) if config.kl_coefficient else None
    losses = textbook.grpo_losses(model, reference, config, [group for group in groups if group[1]])
    batch = grpo_batch(config, examples, samples, together.compared_rewards_KG)
    assert_the_same_gradient(learner, batch, model, losses)


@pytest.mark.parametrize("tokens_per_batch", [64, 4096])
@pytest.mark.parametrize("aggregation", get_args(TrainConfig.model_fields["aggregation"].annotation))
def test_the_loss_and_gradient_of_demonstrations_are_the_textbooks(
    policy_folder, states, aggregation, tokens_per_batch
):
    config = TrainConfig(method="sft", aggregation=aggregation, tokens_per_batch=tokens_per_batch)
    completions = [[10 + k] * (1 + k % 3) for k in range(len(states))]
    learner, model = Learner(policy_folder, config, 100), load_model(policy_folder)
    losses = textbook.sft_losses(model, config, states, completions)
    assert_the_same_gradient(learner, sft_batch(config, states, completions), model, losses)


@pytest.mark.parametrize("changes", UPDATES, ids=str)
def test_two_updates_give_the_textbooks_weights(policy_folder, states, sampler, verify, changes):
    config = TrainConfig(temperature=0.8, learning_rate=1e-3, **changes)
    groups = textbook_groups(policy_folder, states, sampler, verify)
    learner, model = Learner(policy_folder, config, 100), load_model(policy_folder)
    before, reference = weights(model), load_model(policy_folder) if config.kl_coefficient else None
    optimiser = textbook.make_optimiser(model, config)
    for step in range(2):
        losses = textbook.grpo_losses(model, reference, config, groups)
        expected = textbook.update(model, optimiser, config, step, losses)
        updated = learner.update(batch_of(config, groups), step)
        for name, value in expected.items():
            assert updated[name] == pytest.approx(value, rel=1e-4, abs=1e-7), name
    moved = weights(model) - before
    assert moved.norm() > 0.01
    assert (weights(learner.model) - weights(model)).norm() <= 1e-3 * moved.norm()


def ended(state, demonstration, completion):
    """A reward for actions that end before the limit of tokens, which few of the random policy's do."""
    return Verdict(float(isinstance(completion, Action)), Reason.EQUAL)


@pytest.mark.slow
def test_it_runs_for_two_steps_and_a_run_repeats(policy_folder, states):
    config = TrainConfig(steps=2, states_per_step=4, samples=16, max_tokens=16, learning_rate=1e-2, kl_coefficient=0.1)
    (model, metrics), (again, _) = (textbook.train(policy_folder, states, ended, config) for _ in range(2))
    assert [m["step"] for m in metrics] == [0, 1]
    assert all(m["grad_norm"] > 0 for m in metrics)
    assert not torch.equal(weights(model), weights(load_model(policy_folder)))
    torch.testing.assert_close(weights(model), weights(again), rtol=0, atol=0)


@pytest.mark.slow
def test_it_raises_the_reward(policy_folder, states):
    config = TrainConfig(steps=12, states_per_step=2, samples=16, max_tokens=8, learning_rate=5e-2)
    _, metrics = textbook.train(policy_folder, states, ended, config)
    rewards = [m["reward_mean"] for m in metrics]
    assert sum(rewards[:3]) / 3 < 0.1
    assert sum(rewards[-3:]) / 3 > 0.8


def test_where_every_sample_is_cut_off_masking_leaves_nothing(policy_folder, states):
    config = TrainConfig(steps=1, states_per_step=9, samples=2, max_tokens=1, weight_decay=0.5, overlong="mask")
    model, metrics = textbook.train(policy_folder, states, never_ended, config)
    assert metrics == [{"step": 0, "reward_mean": 0.5, "loss": 0.0, "grad_norm": 0.0}]
    torch.testing.assert_close(weights(model), weights(load_model(policy_folder)), rtol=0, atol=0)


def never_ended(state, demonstration, completion):
    assert isinstance(completion, ParseFailure)
    return Verdict(0.5, Reason.PARTIAL)


def test_a_group_with_an_undecided_sample_is_left_out(policy_folder, states):
    def verify(state, demonstration, completion):
        decided = state.turn_index > 0
        return Verdict(1.0, Reason.EQUAL) if decided else Verdict(None, Reason.UNDECIDED)

    config = TrainConfig(steps=1, states_per_step=9, samples=2, max_tokens=2, weight_decay=0.5)
    model, metrics = textbook.train(policy_folder, states, verify, config)
    assert metrics == [{"step": 0, "reward_mean": 1.0, "loss": 0.0, "grad_norm": 0.0}]
    torch.testing.assert_close(weights(model), weights(load_model(policy_folder)), rtol=0, atol=0)


def test_a_sample_ends_at_its_end_and_has_the_models_logprobs(policy_folder):
    config = TrainConfig(samples=64, max_tokens=3, temperature=0.7)
    model, prompt = load_model(policy_folder), [5, 6, 7]
    ends = torch.topk(model(torch.tensor([prompt])).logits[0, -1], 1).indices.item()  # a likely token, so that some end
    samples = textbook.sample(model, prompt, config, [ends], torch.Generator().manual_seed(0))
    assert {s.finished for s in samples} == {True, False}
    for s in samples:
        assert s.finished == (s.token_ids[-1] == ends) and ends not in s.token_ids[:-1]
        expected_C = textbook.token_logprobs(model, prompt, s.token_ids, 0.7)
        torch.testing.assert_close(torch.tensor(s.logprobs), expected_C.detach(), rtol=1e-4, atol=1e-5)


def test_a_sample_may_have_a_thought_and_an_answer(policy_folder):
    config = TrainConfig(samples=2, max_tokens=3, max_thinking_tokens=2)
    samples = textbook.sample(load_model(policy_folder), [5, 6, 7], config, [-1], torch.Generator().manual_seed(0))
    assert [(len(s.token_ids), len(s.logprobs), s.finished) for s in samples] == [(5, 5, False)] * 2


def test_the_command_trains_on_a_stores_pivots(store, tmp_path, capsys):
    rewards = {(number, turn): HALF for number in range(2) for turn in (0, 1)}
    pivots = commit_pivots(store, [[trajectory(i, episode(3)) for i in range(2)]], rewards)
    settings = [x for s in ("steps=2", "samples=2", "states_per_step=2", "max_tokens=4") for x in ("--set", s)]
    textbook.main([str(pivots.ref), "--store", store.root, "--output", str(tmp_path / "policy"), *settings])
    printed = capsys.readouterr().out
    assert "4 of 4 pivots; 2 samples of each; 2 steps" in printed
    assert "step 1  reward_mean" in printed
    saved, desk = (AutoModelForCausalLM.from_pretrained(f).config.vocab_size for f in (tmp_path / "policy", DESK))
    assert saved == desk
    assert ChatFormat(tmp_path / "policy").encode("abc") == ChatFormat(DESK).encode("abc")
