"""The batch, the loss and the loop of GRPO, against the textbook and against an exact sampler."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.chat import Action, State
from schemas.policies import POLICIES
from tasks.artefact.table import frame
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sample, Sampling
from tasks.stages.train import grpo
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.states import DropReason, draw
from tasks.states.example import Example
from tasks.verifiers.verdict import Reason, Verdict


def run(a_job, states, sampler, verify, on_step=lambda measured: None):
    return grpo.train(a_job, states, sampler, verify, on_step)


def same_rewards(state, demonstration, completion):
    return Verdict(1.0, Reason.EQUAL)


def drawn_groups(a_job, states, sampler, verify, step=0):
    """What the step samples, with its rewards: the loop's own inputs, collected apart from it."""
    settings, chat = a_job.settings, ChatFormat(a_job.model_folder)
    drawn = draw(states, settings.states_per_step, step, a_job.seed)
    sampling = Sampling(settings.samples, settings.temperature, settings.max_tokens, a_job.seed * 1_000_003 + step)
    groups = sampler.sample([s.prompt for s in drawn], sampling)
    for state, group in zip(drawn, groups, strict=True):
        completions = [chat.parser(chat.decode(s.token_ids, finished=s.finished), finished=s.finished) for s in group]
        yield state, group, [verify(state.state, state.demonstration, c).reward for c in completions]


def naive_advantages(rewards, kind):
    mean = sum(rewards) / len(rewards)
    if kind == "grpo":
        std = (sum((r - mean) ** 2 for r in rewards) / (len(rewards) - 1)) ** 0.5
        return [(r - mean) / (std + 1e-4) for r in rewards]
    if kind == "leave_one_out":
        return [r - (sum(rewards) - r) / (len(rewards) - 1) for r in rewards]
    return [r - mean for r in rewards]


def plain_logprobs(model, ids, start, temperature):
    logits = model(ids).logits[0, start - 1 : -1] / temperature
    return logits.log_softmax(-1).gather(-1, ids[0, start:, None])[:, 0]


def naive_loss(model, reference, settings, groups):
    """The textbook, a sequence at a time with its prompt repeated, summed as the formula reads."""
    tokens = sum(len(s.token_ids) for _, group, _ in groups for s in group)
    sequences = sum(len(group) for _, group, _ in groups)
    total = torch.zeros(())
    for state, group, rewards in groups:
        if max(rewards) == min(rewards):
            continue
        for sample, advantage in zip(group, naive_advantages(rewards, settings.advantage), strict=True):
            ids = torch.tensor([[*state.prompt, *sample.token_ids]])

            start, recorded = len(state.prompt), torch.tensor(sample.logprobs)
            new = plain_logprobs(model, ids, start, settings.temperature)
            old = new.detach() if settings.importance_cap else recorded
            ratio = (new - old).exp()
            low, high = 1 - settings.clip_low, 1 + settings.clip_high
            loss_T = -torch.minimum(ratio * advantage, ratio.clamp(low, high) * advantage)
            if settings.importance_cap:
                difference = new.detach() - recorded
                if settings.importance_level == "sequence":
                    difference = difference.sum()
                loss_T = loss_T * difference.exp().clamp(max=settings.importance_cap)
            if settings.kl_coefficient:
                d = plain_logprobs(reference, ids, start, settings.temperature).detach() - new
                loss_T = loss_T + settings.kl_coefficient * ratio * (d.exp() - d - 1)
            token_mean = settings.aggregation == "token_mean"
            total = total + (loss_T.sum() / tokens if token_mean else loss_T.mean() / sequences)
    return total


SETTINGS = [
    {"advantage": advantage, "aggregation": aggregation, "importance_cap": cap, "kl_coefficient": kl, "clip_high": 0.28}
    for advantage in ("grpo", "leave_one_out", "dr_grpo")
    for aggregation in ("token_mean", "sequence_mean")
    for cap, kl in ((2.0, 0.0), (0.0, 0.0), (2.0, 0.1))
]
SETTINGS += [{"importance_level": "sequence", "importance_cap": 1e6}, {"gradient_checkpointing": True}]


@pytest.mark.parametrize("tokens_per_batch", [64, 4096])
@pytest.mark.parametrize("changes", SETTINGS, ids=lambda c: "-".join(str(v) for v in c.values()))
def test_a_steps_loss_and_gradient_are_the_textbooks(
    job, policy_folder, states, sampler, verify, tmp_path, changes, tokens_per_batch
):
    a_job = job(policy_folder, tmp_path, states_per_step=9, tokens_per_batch=tokens_per_batch, **changes)
    groups = list(drawn_groups(a_job, states, sampler, verify))
    learner = Learner(policy_folder, a_job.settings, 100)
    with torch.no_grad():  # so that the KL divergence from the reference is not 0
        for parameter in learner.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.05)
    expected = naive_loss(learner.model, learner.reference, a_job.settings, groups)
    expected.backward()
    expected_gradient = torch.cat([p.grad.flatten() for p in learner.model.parameters()])
    rewards_KG = torch.tensor([rewards for _, _, rewards in groups])
    batch = grpo.grpo_batch(a_job.settings, [s for s, _, _ in groups], [g for _, g, _ in groups], rewards_KG)
    learner.optimiser.zero_grad()
    loss = learner._accumulate(batch)["loss"]
    gradient = torch.cat([p.grad.flatten() for p in learner.model.parameters()])
    assert loss == pytest.approx(expected.item(), rel=1e-5, abs=1e-7)
    assert (gradient - expected_gradient).norm() <= 1e-5 * expected_gradient.norm()


def test_rewards_are_recorded_over_all_samples_of_a_step(job, policy_folder, states, sampler, verify, tmp_path):
    a_job = job(policy_folder, tmp_path, states_per_step=9)
    groups = list(drawn_groups(a_job, states, sampler, verify))
    first = run(a_job, states, sampler, verify).metrics[0]
    rewards = torch.tensor([r for _, _, rewards in groups for r in rewards])
    assert first["reward_mean"] == pytest.approx(rewards.mean().item())
    assert first["reward_std"] == pytest.approx(rewards.std().item())
    assert first["zero_variance"] == pytest.approx(sum(max(r) == min(r) for _, _, r in groups) / 9)


def test_an_undecided_sample_leaves_the_batch_as_if_never_drawn(job, policy_folder, states, tmp_path):
    settings = job(policy_folder, tmp_path, aggregation="sequence_mean").settings
    samples = [[Sample([1] * n, [-1.0] * n, True) for n in (2, 1, 3)] for _ in states[:2]]
    undecided = torch.tensor([[1.0, float("nan"), 0.0], [float("nan"), 0.0, 1.0]])
    batch = grpo.grpo_batch(settings, states[:2], samples, undecided)
    without = [[samples[0][0], samples[0][2]], samples[1][1:]]
    expected = grpo.grpo_batch(settings, states[:2], without, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert batch.branches == expected.branches
    for name in ("weights_M", "advantages_M", "sampler_logprobs_M"):
        torch.testing.assert_close(getattr(batch, name), getattr(expected, name))


def test_a_step_with_hardly_a_decided_sample_is_recorded_without_what_it_lacks(
    job, policy_folder, states, sampler, tmp_path
):
    """A judge that is away for the first step, decides one sample of the second, and is back for the rest."""
    step = 0

    def count(measured):
        nonlocal step
        step = measured["step"] + 1

    calls = []

    def verify(state, demonstration, completion):
        calls.append(step)
        undecided = step == 0 or (step == 1 and calls.count(1) > 1)
        return Verdict(None if undecided else float(len(calls) % 2), Reason.EQUAL)

    alone = job(policy_folder, tmp_path, samples=2, states_per_step=9)  # equal samples are verified once
    metrics = run(alone, states, sampler, verify, count).metrics
    assert [m["reward_mean"] is None for m in metrics] == [True, False, False, False]
    assert metrics[0]["reward_std"] is None
    assert metrics[0]["distinct_tokens"] == metrics[1]["distinct_tokens"] == 0
    POLICIES.validate(frame(POLICIES, metrics))


def without_judge_at(states, step_of, step):
    """Decides nothing at those states in that step."""
    keys = {(s.state.trajectory_id, s.state.turn_index) for s in states}

    def verify(state, demonstration, completion):
        away = step_of() == step and (state.trajectory_id, state.turn_index) in keys
        return Verdict(None if away else 1.0, Reason.EQUAL)

    return verify


def test_a_judge_that_is_away_stops_the_run_which_goes_on_when_it_is_back(
    job, policy_folder, states, sampler, tmp_path
):
    seen = []
    a_job = replace(job(policy_folder, tmp_path, every=1, states_per_step=9), max_undecided=0.1)
    away = without_judge_at(states[:2], lambda: len(seen), 2)
    with pytest.raises(StageFailed, match=r"step 2: the verifier could not decide 8 of 36 samples .*checkpoint"):
        run(a_job, states, sampler, away, seen.append)
    assert len(seen) == 2
    back = run(a_job, states, sampler, without_judge_at(states[:1], lambda: len(seen), 3), seen.append)
    assert len(seen) == 4, "it went on after its checkpoint"
    assert [m["undecided"] for m in back.metrics] == [0, 0, 0, 4 / 36], "one state's samples may be"


def test_groups_without_variance_change_nothing(job, policy_folder, states, sampler, tmp_path):
    a_job = job(policy_folder, tmp_path, weight_decay=0.1)
    trained = run(a_job, states, sampler, same_rewards)
    assert [m["zero_variance"] for m in trained.metrics] == [1.0] * 4
    assert [m["distinct_tokens"] for m in trained.metrics] == [0] * 4
    weights = (folder / "model.safetensors" for folder in (a_job.output_folder, policy_folder))
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_state_too_long_for_the_limit_or_the_engine_is_dropped(job, policy_folder, states, sampler, verify, tmp_path):
    long = Example(State("long", 0, (), ()), Action("a"), prompt=[1] * 120)
    by_limit = job(policy_folder, tmp_path / "a", max_state_tokens=119)
    by_engine = job(policy_folder, tmp_path / "b", max_tokens=10, engine={"max_model_len": 129})
    for a_job in (by_limit, by_engine):
        trained = run(a_job, [*states, long], sampler, verify)
        assert trained.admitted.dropped == {"long:0": DropReason.TOO_LONG}
        assert len(trained.admitted.states) == len(states)
    fits = job(policy_folder, tmp_path / "c", max_tokens=10, engine={"max_model_len": 130})
    assert not run(fits, [*states, long], sampler, verify).admitted.dropped


def test_no_state_left_fails(job, policy_folder, states, sampler, verify, tmp_path):
    with pytest.raises(StageFailed, match=r"9 were dropped \(too_long: 9\)"):
        run(job(policy_folder, tmp_path, max_state_tokens=16), states, sampler, verify)


def test_equal_samples_of_a_state_are_verified_once(job, policy_folder, states, tmp_path):
    calls = []

    def counting(state, demonstration, completion):
        calls.append((state.trajectory_id, state.turn_index, completion))
        return Verdict(float(len(calls) % 2), Reason.EQUAL)

    class OneSample:
        def sample(self, prompts, sampling):
            return [[Sample([5, 256], [-1.0, -1.0], True)] * sampling.n for _ in prompts]

        def load_weights(self, weights):
            list(weights)

    run(job(policy_folder, tmp_path, steps=1), states, OneSample(), counting)
    assert len(calls) == 4


class LiveSampler:
    """Samples from the weights it was last given, a token at a time, as an engine does."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def load_weights(self, weights):
        self.model.load_state_dict(dict(weights), strict=False)

    @torch.no_grad()
    def sample(self, prompts, sampling):
        generator = torch.Generator().manual_seed(sampling.seed)
        return [self._group(torch.tensor([list(prompt)] * sampling.n), sampling, generator) for prompt in prompts]

    def _group(self, ids, sampling, generator):
        start, logprobs = ids.shape[1], []
        for _ in range(sampling.max_tokens):
            logits = self.model(ids).logits[:, -1] / sampling.temperature
            chosen = torch.multinomial(logits.softmax(-1), 1, generator=generator)
            logprobs.append(logits.log_softmax(-1).gather(-1, chosen))
            ids = torch.cat([ids, chosen], 1)
        pairs = zip(ids[:, start:].tolist(), torch.cat(logprobs, 1).tolist(), strict=True)
        return [Sample(token_ids, recorded, finished=True) for token_ids, recorded in pairs]


@pytest.mark.slow
def test_training_raises_the_reward_and_agrees_with_an_exact_sampler(job, policy_folder, states, tmp_path):
    """The reward is for ASCII text, which a third of the random policy's samples are."""

    def ascii_only(state, demonstration, completion):
        return Verdict(float(isinstance(completion, Action) and completion.content.isascii()), Reason.EQUAL)

    a_job = job(policy_folder, tmp_path, steps=40, samples=16, max_tokens=2, learning_rate=1e-2)
    metrics = run(a_job, states, LiveSampler(policy_folder), ascii_only).metrics
    assert max(m["sampler_mismatch"] for m in metrics if m["sampler_mismatch"] is not None) < 1e-4
    rewards = [m["reward_mean"] for m in metrics]
    assert rewards[0] < 0.5
    assert sum(rewards[-3:]) / 3 > 0.9
