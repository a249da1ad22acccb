"""Validation while training: what is measured, which model is kept, and when training stops."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.groups import GroupSampler
from tasks.stages.train.loop import TrainingRun, train
from tasks.stages.train.validation import draw_held_out, validate
from tasks.verifiers.verdict import Reason, Verdict

NAME = "model.norm.weight"


def scripted(monkeypatch, values):
    """Validations that give these values in turn."""
    remaining = iter(values)
    monkeypatch.setattr("tasks.stages.train.loop.validate", lambda *_: next(remaining))


def metrics_of(run, states, sampler, verify, on_step=lambda measured: None):
    metrics, _ = train(run, states, sampler, verify, on_step, held_out=states[:2])
    return metrics


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

    group_sampler = GroupSampler(ChatFormat(policy_folder), Greedy(), verify)
    assert validate(group_sampler, states[:4], 8) == pytest.approx(2 / 3)
    assert [(sampling.n, sampling.temperature, sampling.max_tokens) for sampling in asked] == [(1, 0.0, 8)]


def test_patience_without_validations_is_refused_and_held_out_states_without_them_are_left(
    a_run, policy_folder, states, sampler, verify, tmp_path
):
    with pytest.raises(ValueError, match=r"patience \(2\) counts validations, and validate_every is 0"):
        TrainConfig(patience=2)
    metrics = metrics_of(a_run(policy_folder, tmp_path, steps=1), states, sampler, verify)
    assert metrics[0]["validation"] is None


def test_a_verifier_that_decides_nothing_fails(policy_folder, states, sampler):
    group_sampler = GroupSampler(ChatFormat(policy_folder), sampler, lambda *_: Verdict(None, Reason.EQUAL))
    with pytest.raises(StageFailed, match="decided none of 2"):
        validate(group_sampler, states[:2], 8)


def test_held_out_states_are_few_short_and_the_same_each_time(states):
    config = TrainConfig(validate_every=1, validation_states=4)
    chosen = draw_held_out(states, config, 0)
    assert len(chosen) == 4 and chosen == draw_held_out(states, config, 0) != draw_held_out(states, config, 1)
    with pytest.raises(StageFailed, match="none of 9 held-out states"):
        draw_held_out(states, TrainConfig(validate_every=1, max_state_tokens=16), 0)


def test_every_n_steps_and_after_the_last(a_run, policy_folder, states, sampler, verify, tmp_path):
    run = a_run(policy_folder, tmp_path, steps=5, validate_every=2)
    metrics = metrics_of(run, states, sampler, verify)
    assert [m["validation"] is not None for m in metrics] == [False, True, False, True, True]
    assert [m["validate_s"] > 0 for m in metrics] == [False, True, False, True, True]


def test_a_step_hands_its_weights_over_once_and_before_it_is_validated(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    handed = []
    monkeypatch.setattr("tasks.stages.train.loop.validate", lambda *_: handed.append(len(sampler.weights)) or 0.5)
    run = a_run(policy_folder, tmp_path, steps=5, validate_every=2)
    metrics_of(run, states, sampler, verify)
    assert len(sampler.weights) == 5
    assert handed == [2, 4, 5]
    torch.testing.assert_close(saved(run.output_folder / checkpoint.LAST), sampler.weights[-1][NAME], rtol=0, atol=0)


def test_no_held_out_states_no_validation(a_run, policy_folder, states, sampler, verify, tmp_path):
    metrics, _ = train(a_run(policy_folder, tmp_path), states, sampler, verify, lambda measured: None)
    assert [m["validation"] for m in metrics] == [None] * 4


def test_the_best_model_is_the_result_and_the_last_lies_in_it(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.1, 0.5, 0.5, 0.2])
    run = a_run(policy_folder, tmp_path, validate_every=1)
    metrics_of(run, states, sampler, verify)
    torch.testing.assert_close(saved(run.output_folder), sampler.weights[1][NAME], rtol=0, atol=0)
    last = run.output_folder / checkpoint.LAST
    torch.testing.assert_close(saved(last), sampler.weights[3][NAME], rtol=0, atol=0)
    assert ChatFormat(last).encode("abc") == ChatFormat(policy_folder).encode("abc")


def test_where_the_last_is_the_best_it_is_the_result_alone(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.1, 0.2, 0.3, 0.4])
    run = a_run(policy_folder, tmp_path, validate_every=1)
    metrics_of(run, states, sampler, verify)
    torch.testing.assert_close(saved(run.output_folder), sampler.weights[3][NAME], rtol=0, atol=0)
    assert not (run.output_folder / checkpoint.LAST).exists()


def test_training_stops_when_validations_stop_rising(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    scripted(monkeypatch, [0.2, 0.5, 0.4, 0.5, 0.9])
    run = a_run(policy_folder, tmp_path, steps=9, validate_every=1, patience=2)
    metrics = metrics_of(run, states, sampler, verify)
    assert [m["validation"] for m in metrics] == [0.2, 0.5, 0.4, 0.5]
    torch.testing.assert_close(saved(run.output_folder), sampler.weights[1][NAME], rtol=0, atol=0)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_a_resumed_run_keeps_the_best(a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch, stop_at):
    """The value is the step's, whenever it is measured; every step but the second is worse."""
    run = a_run(policy_folder, tmp_path, every=2, validate_every=1)

    def stop(measured):
        if measured["step"] == stop_at:
            raise InterruptedError

    scripted(monkeypatch, [0.1, 0.5, 0.3, 0.2])
    with pytest.raises(InterruptedError):
        metrics_of(run, states, sampler, verify, stop)
    kept = [p.name for p in run.checkpoint_folder.iterdir() if p.name.startswith("best_")]
    done = {1: 1, 2: 2, 3: 2}[stop_at]
    assert kept == [f"best_{done:05d}"]
    best = sampler.weights[1]
    scripted(monkeypatch, [0.1, 0.5, 0.3, 0.2][done:])
    metrics = metrics_of(run, states, sampler, verify)
    assert [m["validation"] for m in metrics] == [0.1, 0.5, 0.3, 0.2]
    torch.testing.assert_close(saved(run.output_folder), best[NAME], rtol=0, atol=0)


def test_fine_tuning_is_validated_alike(policy_folder, states, sampler, verify, tmp_path):
    config = TrainConfig(method="sft", steps=3, states_per_step=9, learning_rate=1e-2, validate_every=2)
    run = TrainingRun(policy_folder, tmp_path / "model", tmp_path / "checkpoints", config)
    metrics, _ = train(run, states, sampler, verify, lambda measured: None, states[:4])
    assert [m["validation"] is not None for m in metrics] == [False, True, True]
    assert [m["sync_s"] > 0 for m in metrics] == [False, True, True]
    assert len(sampler.weights) == 2
