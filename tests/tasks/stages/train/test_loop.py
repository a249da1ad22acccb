"""What the loop records, writes and survives."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.stages.train import grpo
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.compute.learner import Learner


def run(a_job, states, sampler, verify, on_step=lambda measured: None):
    return grpo.train(a_job, states, sampler, verify, on_step)


def test_what_a_step_records(job, policy_folder, states, sampler, verify, tmp_path):
    a_job = job(policy_folder, tmp_path, states_per_step=9, kl_coefficient=0.1)
    seen = []
    trained = run(a_job, states, sampler, verify, seen.append)
    assert trained.metrics == seen
    first = trained.metrics[0]
    assert 0 < first["reward_mean"] < 1
    assert first["reward_std"] > 0
    assert first["parse_failures"] == 0
    assert 0 < first["zero_variance"] < 1
    assert (first["states"], first["samples"], first["step"]) == (9, 36, 0)
    assert first["kl"] == pytest.approx(0, abs=1e-6)
    assert trained.metrics[1]["kl"] > 0
    assert 0 < first["distinct_tokens"] < first["repeated_tokens"]
    assert first["sampler_mismatch"] > 0.1
    assert first["entropy"] == pytest.approx(5.5, abs=0.1)  # near log(258): the weights are random


def test_the_sampler_gets_the_weights_after_every_step(job, policy_folder, states, sampler, verify, tmp_path):
    a_job = job(policy_folder, tmp_path)
    run(a_job, states, sampler, verify)
    assert len(sampler.weights) == 4
    saved = AutoModelForCausalLM.from_pretrained(a_job.output_folder)
    assert {name for name, _ in saved.named_parameters()} == set(sampler.weights[-1])
    for name, parameter in saved.named_parameters():
        torch.testing.assert_close(parameter, sampler.weights[-1][name], rtol=0, atol=0)
    assert not torch.equal(sampler.weights[0]["model.norm.weight"], sampler.weights[1]["model.norm.weight"])


def test_the_model_folder_has_the_sources_files_and_new_weights(job, policy_folder, states, sampler, verify, tmp_path):
    a_job = job(policy_folder, tmp_path)
    run(a_job, states, sampler, verify)
    assert {p.name for p in a_job.output_folder.iterdir()} == {p.name for p in policy_folder.iterdir()}
    for path in policy_folder.iterdir():
        same = (a_job.output_folder / path.name).read_bytes() == path.read_bytes()
        assert same == (path.suffix != ".safetensors")
    assert ChatFormat(a_job.output_folder).encode("abc") == ChatFormat(policy_folder).encode("abc")


def test_the_model_folder_keeps_the_sources_precision(policy_folder, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(policy_folder, half)
    AutoModelForCausalLM.from_pretrained(policy_folder, dtype=torch.bfloat16).save_pretrained(half)
    learner = Learner(half, TrainConfig(), 100)
    checkpoint.save_model(learner, half, tmp_path / "a")
    checkpoint.save_model(learner, half, tmp_path / "b")
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()
    assert (tmp_path / "b" / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()


def test_a_loss_that_is_not_finite_stops_with_the_step_and_its_states(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    a_job = job(policy_folder, tmp_path, every=1, states_per_step=9)
    update = Learner.update

    def poisoned(learner, batch, step, before):
        if step == 2:
            batch.advantages_M[0] = float("nan")
        return update(learner, batch, step, before)

    monkeypatch.setattr(Learner, "update", poisoned)
    with pytest.raises(StageFailed, match=r"step 2: loss nan .* states of the step: t\d:\d, .*checkpoints"):
        run(a_job, states, sampler, verify)
    assert [p.name for p in a_job.checkpoint_folder.iterdir()] == ["step_00002"]
    kept = torch.load(a_job.checkpoint_folder / "step_00002" / "state.pt")
    assert all(value.isfinite().all() for value in kept["model"].values())
    assert not a_job.output_folder.exists()


def test_a_gradient_that_explodes_stops_before_the_weights_change_and_again_when_resumed(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    def a_job(**changes):
        return job(policy_folder, tmp_path, every=6, steps=14, states_per_step=9, **changes)

    update, at_fault = Learner.update, []

    def poisoned(learner, batch, step, before):
        if step == 13:
            batch.advantages_M.mul_(1e9)
            at_fault.append({name: value.clone() for name, value in learner.weights()})
        return update(learner, batch, step, before)

    monkeypatch.setattr(Learner, "update", poisoned)
    told = []
    for _ in range(2):
        with pytest.raises(StageFailed, match=r"step 13: gradient norm .* states of the step: t\d:\d, ") as failure:
            run(a_job(), states, sampler, verify)
        told.append(str(failure.value))
        torch.testing.assert_close(sampler.weights[-1], at_fault[-1], rtol=0, atol=0)
    assert told[0] == told[1] and str(tmp_path / "checkpoints") in told[0]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step_00012"]
    assert len(run(a_job(explosion_factor=0), states, sampler, verify).metrics) == 14


def test_out_of_memory_names_the_budget(job, policy_folder, states, sampler, verify, tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr("tasks.stages.train.compute.forward.score", exhausted)
    monkeypatch.setattr("tasks.stages.train.compute.forward.refusal", lambda model, longest: None)
    with pytest.raises(StageFailed, match=r"lower train.tokens_per_batch \(16384 now\)"):
        run(job(policy_folder, tmp_path), states, sampler, verify)


CHILD = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from conftest import RecordedSampler, conversation_states, letter_verifier
from schemas.training import TrainConfig
from tasks.stages.train import grpo
from tasks.stages.train.loop import Job

policy, out, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
settings = TrainConfig(
    steps=5, states_per_step=4, samples=4, learning_rate=1e-2, temperature=0.8, warmup_steps=3, kl_coefficient=0.01
)
job = Job(policy, out / "model", out / "checkpoints", settings, seed=3, checkpoint_every=2)

def on_step(measured):
    if measured["step"] == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

grpo.train(job, conversation_states(policy), RecordedSampler(policy), letter_verifier, on_step)
"""


@pytest.fixture
def one_thread():
    """Sums of several threads may differ in the last bit from one run to the next."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def child(policy_folder, out, kill_at):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[4])}
    arguments = [str(policy_folder), str(out), str(kill_at), str(Path(__file__).parent)]
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=environment, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_unbroken_runs_weights(
    job, policy_folder, tmp_path, states, sampler, verify, one_thread
):
    changes = {"steps": 5, "warmup_steps": 3, "kl_coefficient": 0.01}
    whole = job(policy_folder, tmp_path / "whole", every=2, **changes)
    run(whole, states, sampler, verify)
    expected = (whole.output_folder / "model.safetensors").read_bytes()
    assert expected != (policy_folder / "model.safetensors").read_bytes()
    outs = {kill_at: tmp_path / f"killed{kill_at}" for kill_at in random.sample(range(5), 3)}
    children = [child(policy_folder, out, kill_at) for kill_at, out in outs.items()]
    for process, out in zip(children, outs.values(), strict=True):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL, (out.name, errors)
        resumed = job(policy_folder, out, every=2, **changes)
        assert not resumed.output_folder.exists()
        run(resumed, states, sampler, verify)
        assert (resumed.output_folder / "model.safetensors").read_bytes() == expected, out.name


def test_a_resumed_run_goes_on_with_metrics_and_a_synchronised_sampler(
    job, policy_folder, states, sampler, verify, tmp_path
):
    a_job = job(policy_folder, tmp_path, every=2)

    def stop(measured):
        if measured["step"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(a_job, states, sampler, verify, stop)
    at_checkpoint, seeds = sampler.weights[1], list(sampler.seeds)
    sampler.weights.clear()
    trained = run(a_job, states, sampler, verify)
    assert [m["step"] for m in trained.metrics] == [0, 1, 2, 3]
    torch.testing.assert_close(sampler.weights[0], at_checkpoint, rtol=0, atol=0)
    assert sampler.seeds[3:] == [seeds[2], seeds[2] + 1]


def test_a_checkpoint_cut_off_while_writing_is_not_seen(
    job, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    a_job = job(policy_folder, tmp_path, every=1)
    save = torch.save

    def cut_off(state, path):
        if len(state["metrics"]) == 3:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        save(state, path)

    monkeypatch.setattr(torch, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run(a_job, states, sampler, verify)
    learner = Learner(policy_folder, a_job.settings, 100)
    assert len(checkpoint.resume(a_job.checkpoint_folder, learner)) == 2
    monkeypatch.setattr(torch, "save", save)
    assert len(run(a_job, states, sampler, verify).metrics) == 4


def test_the_newest_checkpoint_is_the_one_of_most_steps_and_no_file_stays_mapped(
    job, policy_folder, states, sampler, verify, tmp_path
):
    a_job = job(policy_folder, tmp_path, steps=2, every=1)
    run(a_job, states, sampler, verify)
    newest = a_job.checkpoint_folder / "step_100000"
    (a_job.checkpoint_folder / "step_00002").rename(newest)
    (a_job.checkpoint_folder / "step_99999").mkdir()
    learner = Learner(policy_folder, a_job.settings, 100)
    assert len(checkpoint.resume(a_job.checkpoint_folder, learner)) == 2
    assert str(newest) not in Path("/proc/self/maps").read_text()
