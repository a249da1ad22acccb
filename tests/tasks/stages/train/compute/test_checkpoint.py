"""What a checkpoint and a model folder hold, and that a killed run resumes to the same weights."""

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
from tasks.policy.chat import ChatFormat
from tasks.stages.train.compute import checkpoint
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.loop import train

ROOT = Path(__file__).parents[5]


def metrics_of(run, states, sampler, verify, on_step=lambda measured: None):
    metrics, _ = train(run, states, sampler, verify, on_step)
    return metrics


def test_the_model_folder_has_the_sources_files_and_new_weights(
    a_run, policy_folder, states, sampler, verify, tmp_path
):
    run = a_run(policy_folder, tmp_path)
    metrics_of(run, states, sampler, verify)
    assert {p.name for p in run.output_folder.iterdir()} == {p.name for p in policy_folder.iterdir()}
    for path in policy_folder.iterdir():
        same = (run.output_folder / path.name).read_bytes() == path.read_bytes()
        assert same == (path.suffix != ".safetensors")
    assert ChatFormat(run.output_folder).encode("abc") == ChatFormat(policy_folder).encode("abc")


def test_the_model_folder_keeps_the_sources_precision(policy_folder, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(policy_folder, half)
    AutoModelForCausalLM.from_pretrained(policy_folder, dtype=torch.bfloat16).save_pretrained(half)
    learner = Learner(half, TrainConfig(), 100)
    checkpoint.save_model(learner, half, tmp_path / "a")
    checkpoint.save_model(learner, half, tmp_path / "b")
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()
    assert (tmp_path / "b" / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()


CHILD = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from conftest import RecordedSampler, conversation_states, letter_verifier
from schemas.training import TrainConfig
from tasks.stages.train.loop import TrainingRun, train
from tasks.verifiers.section import ScoreConfig

policy, out, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = TrainConfig(
    steps=5, states_per_step=4, samples=4, learning_rate=1e-2, temperature=0.8, warmup_steps=3, kl_coefficient=0.01
)
score = ScoreConfig(max_undecided=1.0)
run = TrainingRun(policy, out / "model", out / "checkpoints", config, score, seed=3, checkpoint_every=2)

def on_step(measured):
    if measured["step"] == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

train(run, conversation_states(policy), RecordedSampler(policy), letter_verifier, on_step)
"""


@pytest.fixture
def one_thread():
    """Sums of several threads may differ in the last bit from one run to the next."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def child(policy_folder, out, kill_at):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = [str(policy_folder), str(out), str(kill_at), str(Path(__file__).parents[1])]
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=environment, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_unbroken_runs_weights(
    a_run, policy_folder, tmp_path, states, sampler, verify, one_thread
):
    changes = {"steps": 5, "warmup_steps": 3, "kl_coefficient": 0.01}
    unbroken = a_run(policy_folder, tmp_path / "unbroken", every=2, **changes)
    metrics_of(unbroken, states, sampler, verify)
    expected = (unbroken.output_folder / "model.safetensors").read_bytes()
    assert expected != (policy_folder / "model.safetensors").read_bytes()
    outs = {kill_at: tmp_path / f"killed{kill_at}" for kill_at in random.sample(range(5), 3)}
    children = [child(policy_folder, out, kill_at) for kill_at, out in outs.items()]
    for process, out in zip(children, outs.values(), strict=True):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL, (out.name, errors)
        resumed = a_run(policy_folder, out, every=2, **changes)
        assert not resumed.output_folder.exists()
        metrics_of(resumed, states, sampler, verify)
        assert (resumed.output_folder / "model.safetensors").read_bytes() == expected, out.name


def test_a_resumed_run_goes_on_with_metrics_and_a_synchronised_sampler(
    a_run, policy_folder, states, sampler, verify, tmp_path
):
    run = a_run(policy_folder, tmp_path, every=2)

    def stop(measured):
        if measured["step"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        metrics_of(run, states, sampler, verify, stop)
    at_checkpoint, seeds = sampler.weights[1], list(sampler.seeds)
    sampler.weights.clear()
    metrics = metrics_of(run, states, sampler, verify)
    assert [m["step"] for m in metrics] == [0, 1, 2, 3]
    torch.testing.assert_close(sampler.weights[0], at_checkpoint, rtol=0, atol=0)
    # Step 2, which no checkpoint held, is sampled again with its seed, and step 3 with another.
    assert sampler.seeds[3] == seeds[2] and len(set(sampler.seeds)) == 4


def test_a_checkpoint_cut_off_while_writing_is_not_seen(
    a_run, policy_folder, states, sampler, verify, tmp_path, monkeypatch
):
    run = a_run(policy_folder, tmp_path, every=1)
    save = torch.save

    def cut_off(state, path):
        if len(state["metrics"]) == 3:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        save(state, path)

    monkeypatch.setattr(torch, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        metrics_of(run, states, sampler, verify)
    learner = Learner(policy_folder, run.config, 100)
    assert len(checkpoint.resume(run.checkpoint_folder, learner)) == 2
    monkeypatch.setattr(torch, "save", save)
    assert len(metrics_of(run, states, sampler, verify)) == 4


def test_the_newest_checkpoint_is_the_one_of_most_steps_and_no_file_stays_mapped(
    a_run, policy_folder, states, sampler, verify, tmp_path
):
    run = a_run(policy_folder, tmp_path, steps=2, every=1)
    metrics_of(run, states, sampler, verify)
    newest = run.checkpoint_folder / "step_100000"
    (run.checkpoint_folder / "step_00002").rename(newest)
    (run.checkpoint_folder / "step_99999").mkdir()
    learner = Learner(policy_folder, run.config, 100)
    assert len(checkpoint.resume(run.checkpoint_folder, learner)) == 2
    assert str(newest) not in Path("/proc/self/maps").read_text()
