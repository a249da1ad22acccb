"""Several ranks, each with a shard of the model (FSDP over gloo, on this machine's CPU), against one."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tasks.errors import ConfigurationError
from tasks.stages.train.compute.ranks import Ranks, join
from tests.tasks.stages.train import together

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def updates(policy_folder, tmp_path_factory):
    """What each of two ranks computes for every setting."""
    folder = tmp_path_factory.mktemp("updates")
    done = together.torchrun("updates", policy_folder, folder)
    assert done.returncode == 0, done.stderr[-4000:]
    return [torch.load(folder / f"updates-{rank}.pt") for rank in (0, 1)]


def distance(actual, expected):
    """Of two sets of tensors, relative to the second."""
    assert actual.keys() == expected.keys()
    names = [name for name in expected if expected[name].numel()]
    difference = torch.cat([(actual[n].float() - expected[n].float()).flatten() for n in names])
    return float(difference.norm() / torch.cat([expected[n].float().flatten() for n in names]).norm())


@pytest.mark.parametrize("name", together.UPDATES)
def test_two_ranks_give_the_update_of_one(policy_folder, updates, name):
    tolerance = 1e-5 if name != "bfloat16" else 3e-2
    alone = together.update(policy_folder, together.UPDATES[name], Ranks())
    for sharded in (rank[name] for rank in updates):
        for update, expected in zip(sharded["updates"], alone["updates"], strict=True):
            assert update == pytest.approx(expected, rel=tolerance, abs=1e-7 if tolerance < 1e-4 else 1e-2)
        assert distance(sharded["gradients"], alone["gradients"]) < tolerance
        assert distance(sharded["weights"], alone["weights"]) < tolerance


def test_each_holds_a_half(policy_folder, updates):
    alone = together.update(policy_folder, {}, Ranks())
    assert sum(rank["grpo"]["held"] for rank in updates) == alone["held"]
    assert updates[0]["grpo"]["held"] < 0.52 * alone["held"]


def test_a_run_killed_and_resumed_by_another_number_of_ranks_is_that_of_one(policy_folder, tmp_path):
    alone = together.train_recorded(policy_folder, tmp_path / "alone", Ranks())
    broken = tmp_path / "broken"
    broken.mkdir()
    killed = together.torchrun("2", policy_folder, broken)
    assert killed.returncode != 0 and not (broken / "model").exists()
    assert {p.name for p in (broken / "checkpoints").iterdir()} == {"step_00002", "best_00002"}
    done = together.torchrun("99", policy_folder, broken)
    assert done.returncode == 0, done.stderr[-4000:]
    folders = [tmp_path / name / "model" for name in ("alone", "broken")]
    expected, resumed = (load_file(folder / "model.safetensors") for folder in folders)
    assert distance(resumed, expected) < 1e-5
    assert {p.name for p in folders[0].iterdir()} == {p.name for p in folders[1].iterdir()}
    for metrics in (torch.load(broken / f"99-{rank}.pt") for rank in (0, 1)):
        for step, expected in zip(metrics, alone, strict=True):
            names = [name for name, value in expected.items() if value is not None and not name.endswith("_s")]
            assert {n: step[n] for n in names} == pytest.approx({n: expected[n] for n in names}, rel=1e-4, abs=1e-6)


def test_a_fault_of_one_ends_all(tmp_path):
    done = together.torchrun("updates", tmp_path / "nowhere", tmp_path)
    assert done.returncode != 0
    assert "no causal language model could be loaded" in done.stderr


def test_a_fault_of_the_second_alone_ends_all(policy_folder, tmp_path):
    done = together.torchrun("fault", policy_folder, tmp_path)
    assert done.returncode != 0
    assert "StageFailed: only here" in done.stderr
    assert not list(tmp_path.glob("fault-*"))


def test_a_launcher_that_does_not_number_its_processes_is_refused(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(ConfigurationError, match="a process without RANK in its environment"):
        join(60, launched=True)
    assert join(60) == Ranks()
    monkeypatch.setenv("RANK", "0")
    assert join(60, launched=True) == Ranks()


def test_parts_are_all_and_keep_their_order():
    parts = [Ranks(rank, 3).part(7) for rank in range(3)]
    assert [index for part in parts for index in part] == list(range(7))
    assert {len(part) for part in parts} == {2, 3}
    assert list(Ranks(1, 3).part(0)) == []


@pytest.mark.parametrize("count", [0, 1, 7, 64])
def test_the_part_of_a_shared_engine_is_that_of_its_ranks(count):
    ranks = [Ranks(rank, 6) for rank in range(6)]
    assert [rank.engine(2) for rank in ranks] == [Ranks(rank // 2, 3) for rank in range(6)]
    for engine in range(3):
        first, second = ranks[2 * engine : 2 * engine + 2]
        assert [*first.part(count), *second.part(count)] == list(first.engine(2).part(count))


def test_ranks_that_make_no_whole_engines_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigurationError, match="3 training processes cannot share engines of 2 each"):
        join(60, tensor_parallel=2)


def test_one_rank_meets_nobody():
    alone = Ranks()
    assert alone.is_main and alone.all_gather(3) == [3] and alone.broadcast("x") == "x" and alone.barrier() is None
