"""Several processes, each with a share of the model (FSDP over gloo, on this machine's CPU), against one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPTNeoConfig, Qwen3Config

from tasks.errors import ConfigurationError
from tasks.stages.train.compute.model import load_model
from tasks.stages.train.compute.ranks import Processes, join
from tests.tasks.stages.train import together
from tests.tasks.stages.train.compute.test_forward import FAMILIES, make_model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[5]


def together_do(act: str, policy: Path, folder: Path, count: int = 2) -> subprocess.CompletedProcess[str]:
    """Run `tests.tasks.stages.train.together` in so many processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return subprocess.run(
        [sys.executable, *launcher, "-m", "tests.tasks.stages.train.together", act, str(policy), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def updates(policy_folder, tmp_path_factory):
    """What each of two processes found for every setting."""
    folder = tmp_path_factory.mktemp("updates")
    done = together_do("updates", policy_folder, folder)
    assert done.returncode == 0, done.stderr[-4000:]
    return [torch.load(folder / f"updates-{rank}.pt") for rank in (0, 1)]


def distance(found, expected):
    """Of two sets of tensors, relative to the second."""
    assert found.keys() == expected.keys()
    names = [name for name in expected if expected[name].numel()]
    difference = torch.cat([(found[n].float() - expected[n].float()).flatten() for n in names])
    return float(difference.norm() / torch.cat([expected[n].float().flatten() for n in names]).norm())


@pytest.mark.parametrize("name", together.UPDATES)
def test_two_processes_give_the_update_of_one(policy_folder, updates, name):
    tolerance = 1e-5 if name != "bfloat16" else 3e-2
    alone = together.update(policy_folder, together.UPDATES[name], Processes())
    for found in (process[name] for process in updates):
        for one, expected in zip(found["updates"], alone["updates"], strict=True):
            assert one == pytest.approx(expected, rel=tolerance, abs=1e-7 if tolerance < 1e-4 else 1e-2)
        assert distance(found["gradients"], alone["gradients"]) < tolerance
        assert distance(found["weights"], alone["weights"]) < tolerance


def write_families(folder: Path) -> None:
    """A model of each kind; one that its configuration calls tied and its files do not; and one with masks for
    buffers."""
    tied = FAMILIES["qwen3"].to_dict()
    untied = Qwen3Config(**{**tied, "tie_word_embeddings": False})
    kinds = [[["global", "local"], 1]]
    masks = GPTNeoConfig(vocab_size=97, hidden_size=32, num_layers=2, attention_types=kinds, num_heads=4)
    for name, config in {**FAMILIES, "untied": untied, "masks": masks}.items():
        make_model(config).save_pretrained(folder / name)
    FAMILIES["qwen3"].save_pretrained(folder / "untied")


def test_the_first_alone_loads_a_model_and_all_compute_with_it(tmp_path):
    folder = tmp_path / "families"
    write_families(folder)
    done = together_do("load", folder, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    found = [torch.load(tmp_path / f"load-{rank}.pt") for rank in (0, 1)]
    assert found[0].keys() == {*FAMILIES, "untied", "masks"}
    for name in found[0]:
        expected = together.logits(load_model(folder / name))
        assert [process[name]["devices"] for process in found] == [{"cpu"}, {"meta"}]
        for process in found:
            torch.testing.assert_close(process[name]["logits"], expected, rtol=1e-5, atol=1e-5)


def test_each_holds_a_half(policy_folder, updates):
    alone = together.update(policy_folder, {}, Processes())
    assert sum(process["grpo"]["held"] for process in updates) == alone["held"]
    assert updates[0]["grpo"]["held"] < 0.52 * alone["held"]


def test_a_run_killed_and_resumed_by_another_number_of_processes_is_that_of_one(policy_folder, tmp_path):
    alone = together.train(policy_folder, tmp_path / "alone", Processes())
    broken = tmp_path / "broken"
    broken.mkdir()
    killed = together_do("2", policy_folder, broken)
    assert killed.returncode != 0 and not (broken / "model").exists()
    assert {p.name for p in (broken / "checkpoints").iterdir()} == {"step_00002", "best_00002"}
    done = together_do("99", policy_folder, broken)
    assert done.returncode == 0, done.stderr[-4000:]
    folders = [tmp_path / name / "model" for name in ("alone", "broken")]
    expected, found = (load_file(folder / "model.safetensors") for folder in folders)
    assert distance(found, expected) < 1e-5
    assert {p.name for p in folders[0].iterdir()} == {p.name for p in folders[1].iterdir()}
    for metrics in (torch.load(broken / f"99-{rank}.pt") for rank in (0, 1)):
        for step, one in zip(metrics, alone, strict=True):
            names = [name for name, value in one.items() if value is not None and not name.endswith("_s")]
            assert {n: step[n] for n in names} == pytest.approx({n: one[n] for n in names}, rel=1e-4, abs=1e-6)


def test_a_fault_of_one_ends_all(tmp_path):
    done = together_do("updates", tmp_path / "nowhere", tmp_path)
    assert done.returncode != 0
    assert "no causal language model could be loaded" in done.stderr


def test_a_fault_of_the_second_alone_ends_all(policy_folder, tmp_path):
    done = together_do("fault", policy_folder, tmp_path)
    assert done.returncode != 0
    assert "StageFailed: only here" in done.stderr
    assert not list(tmp_path.glob("fault-*"))


def test_a_launcher_that_does_not_number_its_processes_is_refused(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(ConfigurationError, match="a process without RANK in its environment"):
        join(60, launched=True)
    assert join(60) == Processes()
    monkeypatch.setenv("RANK", "0")
    assert join(60, launched=True) == Processes()


def test_what_is_dealt_out_is_all_and_keeps_its_order():
    items = list(range(7))
    shares = [Processes(rank, 3).share(items) for rank in range(3)]
    assert [item for share in shares for item in share] == items
    assert {len(share) for share in shares} == {2, 3}
    assert Processes(1, 3).share([]) == []


def test_seeds_differ_among_processes_and_the_first_has_the_runs_own():
    seeds = [Processes(rank, 8).seed(3_000_009) for rank in range(8)]
    assert seeds[0] == 3_000_009
    assert min(abs(a - b) for i, a in enumerate(seeds) for b in seeds[:i]) > 1_000_000
