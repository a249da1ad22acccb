"""Validation while training: what is measured, which model is kept, and when training stops."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.stages.train import grpo, sft
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.groups import Rollout
from tasks.stages.train.loop import Job
from tasks.stages.train.metrics import best_step, has_stalled
from tasks.stages.train.validation import Validation, held_out
from tasks.verifiers.verdict import Reason, Verdict

NAME = "model.norm.weight"


def scripted(monkeypatch, values):
    """Validations that give these values in turn."""
    found = iter(values)
    monkeypatch.setattr(Validation, "measure", lambda validation: next(found))


def run(a_job, states, sampler, verify, on_step=lambda measured: None):
    return grpo.train(a_job, states, sampler, verify, on_step, held_out=states[:2])


def saved(folder):
    return load_file(folder / "model.safetensors")[NAME]


def test_the_mean_reward_of_greedy_actions(policy_folder, states, sampler):
    """The sampler's actions are recorded; two of the three verdicts that are decided give 1."""
    rewards = iter([1.0, None, 0.0, 1.0])
    asked = []

    def verify(state, demonstration, completion):
        return Verdict(next(rewards), Reason.EQUAL)

    class Greedy:
        def sample(self, prompts, sampling):
            asked.append(sampling)
            return sampler.sample(prompts, sampling)

    validation = Validation(Rollout(ChatFormat(policy_folder), Greedy(), verify), states[:4], 8)
    assert validation.measure() == pytest.approx(2 / 3)
    assert [(sampling.n, sampling.temperature, sampling.max_tokens) for sampling in asked] == [(1, 0.0, 8)]


def test_patience_without_validations_is_refused_and_held_out_states_without_them_are_left(
    job, policy_folder, states, sampler, verify, tmp_path
):
    with pytest.raises(ValueError, match=r"patience \(2\) counts validations, and validate_every is 0"):
        TrainConfig(patience=2)
    trained = run(job(policy_folder, tmp_path, steps=1), states, sampler, verify)
    assert trained.metrics[0]["validation"] is None


def test_a_verifier_that_decides_nothing_fails(policy_folder, states, sampler):
    rollout = Rollout(ChatFormat(policy_folder), sampler, lambda *_: Verdict(None, Reason.EQUAL))
    with pytest.raises(StageFailed, match="decided none of 2"):
        Validation(rollout, states[:2], 8).measure()


def test_held_out_states_are_few_short_and_the_same_each_time(states):
    settings = TrainConfig(validate_every=1, validation_states=4)
    chosen = held_out(states, settings, 0)
    assert len(chosen) == 4 and chosen == held_out(states, settings, 0) != held_out(states, settings, 1)
    with pytest.raises(StageFailed, match="none of 9 held-out states"):
        held_out(states, TrainConfig(validate_every=1, max_state_tokens=16), 0)


def test_every_n_steps_and_after_the_last(job, policy_folder, states, sampler, verify, tmp_path):
    a_job = job(policy_folder, tmp_path, steps=5, validate_every=2)
    metrics = run(a_job, states, sampler, verify).metrics
    assert [m["validation"] is not None for m in metrics] == [False, True, False, True, True]
    assert [m["validate_s"] > 0 for m in metrics] == [False, True, False, True, True]


def test_a_step_hands_its_weights_over_once_and_before_it_is_validated(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    handed = []
    monkeypatch.setattr(Validation, "measure", lambda validation: handed.append(len(sampler.weights)) or 0.5)
    a_job = job(policy_folder, tmp_path, steps=5, validate_every=2)
    run(a_job, states, sampler, verify)
    assert len(sampler.weights) == 5
    assert handed == [2, 4, 5]
    torch.testing.assert_close(saved(a_job.output_folder / checkpoint.LAST), sampler.weights[-1][NAME], rtol=0, atol=0)


def test_no_held_out_states_no_validation(job, policy_folder, states, sampler, verify, tmp_path):
    trained = grpo.train(job(policy_folder, tmp_path), states, sampler, verify, lambda measured: None)
    assert [m["validation"] for m in trained.metrics] == [None] * 4


def test_the_best_model_is_the_result_and_the_last_lies_in_it(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.1, 0.5, 0.5, 0.2])
    a_job = job(policy_folder, tmp_path, validate_every=1)
    run(a_job, states, sampler, verify)
    torch.testing.assert_close(saved(a_job.output_folder), sampler.weights[1][NAME], rtol=0, atol=0)
    last = a_job.output_folder / checkpoint.LAST
    torch.testing.assert_close(saved(last), sampler.weights[3][NAME], rtol=0, atol=0)
    assert ChatFormat(last).encode("abc") == ChatFormat(policy_folder).encode("abc")


def test_where_the_last_is_the_best_it_is_the_result_alone(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.1, 0.2, 0.3, 0.4])
    a_job = job(policy_folder, tmp_path, validate_every=1)
    run(a_job, states, sampler, verify)
    torch.testing.assert_close(saved(a_job.output_folder), sampler.weights[3][NAME], rtol=0, atol=0)
    assert not (a_job.output_folder / checkpoint.LAST).exists()


def test_training_stops_when_validations_stop_rising(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.2, 0.5, 0.4, 0.5, 0.9])
    a_job = job(policy_folder, tmp_path, steps=9, validate_every=1, patience=2)
    trained = run(a_job, states, sampler, verify)
    assert [m["validation"] for m in trained.metrics] == [0.2, 0.5, 0.4, 0.5]
    torch.testing.assert_close(saved(a_job.output_folder), sampler.weights[1][NAME], rtol=0, atol=0)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_a_resumed_run_keeps_the_best(job, policy_folder, states, sampler, verify, tmp_path, monkeypatch, stop_at):
    """The value is the step's, whenever it is measured; every step but the second is worse."""
    a_job = job(policy_folder, tmp_path, every=2, validate_every=1)

    def stop(measured):
        if measured["step"] == stop_at:
            raise InterruptedError

    scripted(monkeypatch, [0.1, 0.5, 0.3, 0.2])
    with pytest.raises(InterruptedError):
        run(a_job, states, sampler, verify, stop)
    kept = [p.name for p in a_job.checkpoint_folder.iterdir() if p.name.startswith("best_")]
    done = {1: 1, 2: 2, 3: 2}[stop_at]
    assert kept == [f"best_{done:05d}"]
    best = sampler.weights[1]
    scripted(monkeypatch, [0.1, 0.5, 0.3, 0.2][done:])
    trained = run(a_job, states, sampler, verify)
    assert [m["validation"] for m in trained.metrics] == [0.1, 0.5, 0.3, 0.2]
    torch.testing.assert_close(saved(a_job.output_folder), best[NAME], rtol=0, atol=0)


def test_fine_tuning_is_validated_alike(policy_folder, states, sampler, verify, tmp_path):
    settings = TrainConfig(method="sft", steps=3, states_per_step=9, learning_rate=1e-2, validate_every=2)
    job = Job(policy_folder, tmp_path / "model", tmp_path / "checkpoints", settings)
    validation = Validation(Rollout(ChatFormat(policy_folder), sampler, verify), states[:4], 8)
    trained = sft.train(job, states, lambda measured: None, validation)
    assert [m["validation"] is not None for m in trained.metrics] == [False, True, True]
    assert [m["sync_s"] > 0 for m in trained.metrics] == [False, True, True]
    assert len(sampler.weights) == 2


def test_the_earliest_of_equal_validations_is_the_best():
    metrics = [{"step": step, "validation": value} for step, value in enumerate([None, 0.5, None, 0.5, 0.4])]
    assert best_step(metrics) == 1
    assert best_step(metrics[:1]) is None
    assert [has_stalled(metrics, patience) for patience in (0, 1, 2, 3)] == [False, True, True, False]
