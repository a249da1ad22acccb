"""What the loop does with a run: what it records, whom it tells, when it stops, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.chat import Action, State
from schemas.policies import POLICIES
from schemas.training import TrainConfig
from tasks.artefact.table import frame
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sample, Sampling
from tasks.stages.train import textbook
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.model import load_model
from tasks.stages.train.loop import TrainingRun, train
from tasks.stages.train.states import DropReason, draw
from tasks.states.example import Example, StateKey
from tasks.states.hashing import derive_seed
from tasks.verifiers.verdict import Reason, Verdict


def metrics_of(run, states, sampler, verify, on_step=lambda measured: None):
    metrics, _ = train(run, states, sampler, verify, on_step)
    return metrics


def dropped_of(run, states, sampler=None, verify=None):
    _, dropped = train(run, states, sampler, verify, lambda measured: None)
    return dropped


def test_what_a_step_records(a_run, policy_folder, states, sampler, verify, tmp_path):
    run = a_run(policy_folder, tmp_path, states_per_step=9, kl_coefficient=0.1)
    seen = []
    metrics = metrics_of(run, states, sampler, verify, seen.append)
    assert metrics == seen
    first = metrics[0]
    assert first.keys() == POLICIES.columns.keys()
    POLICIES.validate(frame(POLICIES, metrics), lazy=True)
    assert 0 < first["reward_mean"] < 1
    assert first["reward_std"] > 0
    assert first["parse_failures"] == 0
    assert 0 < first["zero_variance"] < 1
    assert (first["states"], first["samples"], first["step"]) == (9, 36, 0)
    assert first["kl"] == pytest.approx(0, abs=1e-6)
    assert metrics[1]["kl"] > 0
    assert 0 < first["distinct_tokens"] < first["repeated_tokens"]
    assert first["sampler_mismatch"] > 0.1
    assert first["entropy"] == pytest.approx(5.5, abs=0.1)  # near log(258): the weights are random


def same_rewards(state, demonstration, completion):
    return Verdict(1.0, Reason.EQUAL)


def drawn_rewards(run, states, sampler, verify):
    """The rewards of what the first step samples: the loop's own inputs, collected apart from it."""
    config, chat = run.config, ChatFormat(run.model_folder)
    drawn = draw(states, config.states_per_step, 0, run.seed)
    rank_0_seed = derive_seed(derive_seed(run.seed, "sample", 0), "rank", 0)
    sampling = Sampling(config.samples, config.temperature, config.max_tokens, rank_0_seed)
    groups = sampler.sample([example.prompt for example in drawn], sampling)
    return [textbook.rewards(chat, verify, example, group) for example, group in zip(drawn, groups, strict=True)]


class CutOff:
    """Replays what another sampler gives, cut off at a length limit, and keeps what it was asked."""

    def __init__(self, sampler):
        self.sampler, self.asked = sampler, []

    def sample(self, prompts, sampling):
        self.asked.append(sampling)
        groups = self.sampler.sample(prompts, sampling)
        return [[replace(sample, finished=False) for sample in group] for group in groups]

    def load_weights(self, weights):
        self.sampler.load_weights(weights)


@pytest.mark.parametrize(("overlong", "trained"), [("zero", True), ("mask", False)])
def test_masked_samples_give_no_gradient_and_count_as_zero_in_validations(
    a_run, policy_folder, states, sampler, tmp_path, overlong, trained
):
    rewards = cycle([0.0, 1.0])

    def verify(state, demonstration, completion):
        return Verdict(next(rewards), Reason.PARTIAL)

    run = a_run(policy_folder, tmp_path, steps=1, states_per_step=9, overlong=overlong, validate_every=1)
    (measured,), _ = train(run, states, CutOff(sampler), verify, lambda measured: None, held_out=states)
    assert (measured["grad_norm"] > 0) == trained and (measured["zero_variance"] < 1) == trained
    assert measured["overlong"] == 1 and 0 < measured["reward_mean"] < 1 and 0 < measured["validation"] < 1


def test_thoughts_have_tokens_and_room_of_their_own(a_run, policy_folder, states, sampler, verify, tmp_path):
    longest = max(len(e.prompt) for e in states)
    room = {"max_tokens": 8, "engine": {"max_model_len": longest + 8 + 19}}
    asking = CutOff(sampler)
    run = a_run(policy_folder, tmp_path, steps=1, max_thinking_tokens=20, validate_every=1, **room)
    with_thoughts, dropped = train(run, states, asking, verify, lambda measured: None, held_out=states[:2])
    assert {sampling.max_tokens for sampling in asking.asked} == {28} and len(asking.asked) == 2
    assert set(dropped) == {e.key for e in states if len(e.prompt) == longest} and len(with_thoughts) == 1


def test_rewards_are_recorded_over_all_samples_of_a_step(a_run, policy_folder, states, sampler, verify, tmp_path):
    run = a_run(policy_folder, tmp_path, states_per_step=9)
    groups = drawn_rewards(run, states, sampler, verify)
    first = metrics_of(run, states, sampler, verify)[0]
    rewards = torch.tensor(groups)
    assert first["reward_mean"] == pytest.approx(rewards.mean().item())
    assert first["reward_std"] == pytest.approx(rewards.std().item())
    assert first["zero_variance"] == pytest.approx(sum(max(rewards) == min(rewards) for rewards in groups) / 9)


def test_a_step_with_hardly_a_decided_sample_is_recorded_without_what_it_lacks(
    a_run, policy_folder, states, sampler, tmp_path
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

    alone = a_run(policy_folder, tmp_path, samples=2, states_per_step=9)  # equal samples are verified once
    metrics = metrics_of(alone, states, sampler, verify, count)
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
    a_run, policy_folder, states, sampler, tmp_path
):
    seen = []
    run = a_run(policy_folder, tmp_path, every=1, states_per_step=9, max_undecided=0.1)
    away = without_judge_at(states[:2], lambda: len(seen), 2)
    with pytest.raises(StageFailed, match=r"step 2: the verifier could not decide 8 of 36 samples .*checkpoint"):
        metrics_of(run, states, sampler, away, seen.append)
    assert len(seen) == 2
    back = metrics_of(run, states, sampler, without_judge_at(states[:1], lambda: len(seen), 3), seen.append)
    assert len(seen) == 4, "it went on after its checkpoint"
    assert [m["undecided"] for m in back] == [0, 0, 0, 4 / 36], "one state's samples may be"


def test_groups_without_variance_change_nothing(a_run, policy_folder, states, sampler, tmp_path):
    run = a_run(policy_folder, tmp_path, weight_decay=0.1)
    metrics = metrics_of(run, states, sampler, same_rewards)
    assert [m["zero_variance"] for m in metrics] == [1.0] * 4
    assert [m["distinct_tokens"] for m in metrics] == [0] * 4
    weights = (folder / "model.safetensors" for folder in (run.output_folder, policy_folder))
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_state_too_long_for_the_limit_or_the_engine_is_dropped(
    a_run, policy_folder, states, sampler, verify, tmp_path
):
    long = Example(State("long", 0, (), ()), Action("a"), prompt=[1] * 120)
    by_limit = a_run(policy_folder, tmp_path / "a", max_state_tokens=119)
    by_engine = a_run(policy_folder, tmp_path / "b", max_tokens=10, engine={"max_model_len": 129})
    for run in (by_limit, by_engine):
        assert dropped_of(run, [*states, long], sampler, verify) == {StateKey("long", 0): DropReason.TOO_LONG}
    fits = a_run(policy_folder, tmp_path / "c", max_tokens=10, engine={"max_model_len": 130})
    assert not dropped_of(fits, [*states, long], sampler, verify)


def test_no_state_left_fails(a_run, policy_folder, states, sampler, verify, tmp_path):
    with pytest.raises(StageFailed, match=r"9 were dropped \(too_long: 9\)"):
        metrics_of(a_run(policy_folder, tmp_path, max_state_tokens=16), states, sampler, verify)


def test_equal_samples_of_a_state_are_verified_once(a_run, policy_folder, states, tmp_path):
    calls = []

    def counting(state, demonstration, completion):
        calls.append((state.trajectory_id, state.turn_index, completion))
        return Verdict(float(len(calls) % 2), Reason.EQUAL)

    class OneSample:
        def sample(self, prompts, sampling):
            return [[Sample([5, 256], [-1.0, -1.0], True)] * sampling.n for _ in prompts]

        def load_weights(self, weights):
            list(weights)

    metrics_of(a_run(policy_folder, tmp_path, steps=1), states, OneSample(), counting)
    assert len(calls) == 4


def test_the_sampler_gets_the_weights_after_every_step(a_run, policy_folder, states, sampler, verify, tmp_path):
    run = a_run(policy_folder, tmp_path, states_per_step=9)
    metrics_of(run, states, sampler, verify)
    assert len(sampler.weights) == 4
    saved = AutoModelForCausalLM.from_pretrained(run.output_folder)
    assert {name for name, _ in saved.named_parameters()} == set(sampler.weights[-1])
    for name, parameter in saved.named_parameters():
        torch.testing.assert_close(parameter, sampler.weights[-1][name], rtol=0, atol=0)
    assert not torch.equal(sampler.weights[0]["model.norm.weight"], sampler.weights[1]["model.norm.weight"])


def test_a_loss_that_is_not_finite_stops_with_the_step_and_its_states(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    run = a_run(policy_folder, tmp_path, every=1, states_per_step=9)
    update = Learner.update

    def poisoned(learner, batch, step, before):
        if step == 2:
            batch.advantages_M[0] = float("nan")
        return update(learner, batch, step, before)

    monkeypatch.setattr(Learner, "update", poisoned)
    with pytest.raises(StageFailed, match=r"step 2: loss nan .* states of the step: t\d/\d, .*checkpoints"):
        metrics_of(run, states, sampler, verify)
    assert [p.name for p in run.checkpoint_folder.iterdir()] == ["step_00002"]
    kept = torch.load(run.checkpoint_folder / "step_00002" / "state.pt")
    assert all(value.isfinite().all() for value in kept["model"].values())
    assert not run.output_folder.exists()


def test_a_gradient_that_explodes_stops_before_the_weights_change_and_again_when_resumed(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    def run(**changes):
        return a_run(policy_folder, tmp_path, every=6, steps=14, states_per_step=9, **changes)

    update, at_fault = Learner.update, []

    def poisoned(learner, batch, step, before):
        if step == 13:
            batch.advantages_M.mul_(1e9)
            at_fault.append({name: value.clone() for name, value in learner.weights()})
        return update(learner, batch, step, before)

    monkeypatch.setattr(Learner, "update", poisoned)
    told = []
    for _ in range(2):
        with pytest.raises(StageFailed, match=r"step 13: gradient norm .* states of the step: t\d/\d, ") as failure:
            metrics_of(run(), states, sampler, verify)
        told.append(str(failure.value))
        torch.testing.assert_close(sampler.weights[-1], at_fault[-1], rtol=0, atol=0)
    assert told[0] == told[1] and str(tmp_path / "checkpoints") in told[0]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step_00012"]
    assert len(metrics_of(run(explosion_factor=0), states, sampler, verify)) == 14


def test_out_of_memory_names_the_budget(a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr("tasks.stages.train.compute.forward.token_logprobs", exhausted)
    monkeypatch.setattr("tasks.stages.train.compute.forward.refusal", lambda model, longest: None)
    with pytest.raises(StageFailed, match=r"lower train.tokens_per_batch \(16384 now\)"):
        metrics_of(a_run(policy_folder, tmp_path), states, sampler, verify)


class LiveSampler:
    """Samples from the weights it was last given, as an engine does. Every action ends at the limit of tokens."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def load_weights(self, weights):
        self.model.load_state_dict(dict(weights), strict=False)

    def sample(self, prompts, sampling):
        generator = torch.Generator().manual_seed(sampling.seed)
        config = TrainConfig(samples=sampling.n, temperature=sampling.temperature, max_tokens=sampling.max_tokens)
        groups = [textbook.sample(self.model, prompt, config, [-1], generator) for prompt in prompts]
        return [[replace(sample, finished=True) for sample in group] for group in groups]


@pytest.mark.slow
def test_training_raises_the_reward_and_agrees_with_an_exact_sampler(a_run, policy_folder, states, tmp_path):
    """The reward is for ASCII text, which a third of the random policy's samples are."""

    def ascii_only(state, demonstration, completion):
        return Verdict(float(isinstance(completion, Action) and completion.content.isascii()), Reason.EQUAL)

    run = a_run(policy_folder, tmp_path, steps=40, samples=16, max_tokens=2, learning_rate=1e-2)
    metrics = metrics_of(run, states, LiveSampler(policy_folder), ascii_only)
    assert max(m["sampler_mismatch"] for m in metrics if m["sampler_mismatch"] is not None) < 1e-4
    rewards = [m["reward_mean"] for m in metrics]
    assert rewards[0] < 0.5
    assert sum(rewards[-3:]) / 3 > 0.9


def sft_run(policy_folder, tmp_path, **changes):
    config = TrainConfig(method="sft", steps=3, states_per_step=9, learning_rate=1e-2, **changes)
    return TrainingRun(policy_folder, tmp_path / "model", tmp_path / "checkpoints", config)


@pytest.mark.parametrize("aggregation", ["token_mean", "sequence_mean"])
def test_the_first_loss_of_sft_is_the_demonstrations_cross_entropy_and_it_falls(
    policy_folder, states, tmp_path, aggregation
):
    run = sft_run(policy_folder, tmp_path, aggregation=aggregation)
    metrics = metrics_of(run, states, None, None)
    chat, model = ChatFormat(policy_folder), load_model(policy_folder)
    completions = [[*chat.encode(s.demonstration.content), chat.stop_token_ids[0]] for s in states]
    losses = textbook.sft_losses(model, run.config, states, completions)
    assert metrics[0]["loss"] == pytest.approx(float(sum(loss.detach() for loss in losses)), rel=1e-5)
    assert metrics[2]["loss"] < metrics[0]["loss"]


def test_the_states_of_a_trajectory_cost_sft_one_pass(policy_folder, states, tmp_path):
    metrics = metrics_of(sft_run(policy_folder, tmp_path), states, None, None)
    last_states = [s for s in states if s.state.turn_index == 2]
    assert metrics[0]["distinct_tokens"] == sum(len(s.prompt) + 1 for s in last_states)
    assert metrics[0]["repeated_tokens"] == sum(len(s.prompt) + 1 for s in states)


def test_a_demonstration_that_makes_a_state_too_long_is_dropped(policy_folder, states, tmp_path):
    first = states[0]
    long = Example(State("long", 0, first.state.messages, ()), Action("a" * 120), prompt=first.prompt)
    room = {"max_state_tokens": 110, "max_tokens": len(first.prompt) + 120 - 110}  # the end of the action is one more
    dropped = dropped_of(sft_run(policy_folder, tmp_path / "a", **room), [*states, long])
    assert dropped == {StateKey("long", 0): DropReason.TOO_LONG}
    room["max_tokens"] += 1
    assert not dropped_of(sft_run(policy_folder, tmp_path / "b", **room), [*states, long])


def test_dropped_states_are_in_the_result(policy_folder, states, tmp_path):
    long = Example(State("long", 0, (), ()), Action("a"), prompt=[1] * 100)
    dropped = dropped_of(sft_run(policy_folder, tmp_path, max_state_tokens=99), [*states, long])
    assert dropped == {StateKey("long", 0): DropReason.TOO_LONG}
