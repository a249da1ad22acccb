"""What trackers get: TensorBoard's files, read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
CHILD = """
import sys
from pathlib import Path
from tasks.verifiers.section import ScoreConfig
from schemas.training import TrainConfig
from tasks.policy.files import Policy
from tasks.store.manifest import Ref
from tasks.stages.train.stage import TrainSpec
from tasks.stages.train.trackers import tracking

ref = Ref(stage="policies", version="00000000000000aa")
policy = Policy(location="desk", version="v")
config = TrainConfig(trackers=sys.argv[2:])
spec = TrainSpec(store="", target=ref, states=ref, trajectories=ref, pivots=None, policy=policy, config=config,
                 score=ScoreConfig(), seed=7)
with tracking(spec, Path(sys.argv[1])) as send:
    for n, step in enumerate(STEPS):
        send({"step": step, "loss": 0.5 / (n + 1), "kl": None, "reward_mean": n / 4})
"""
"""In a process of its own, because accelerate keeps one state per process."""


def run(*arguments: str, steps: str = "range(3)") -> subprocess.CompletedProcess[str]:
    code = CHILD.replace("STEPS", steps)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_tensorboard_has_every_number_of_every_step(tmp_path: Path) -> None:
    run(str(tmp_path), "tensorboard")
    (folder,) = {path.parent for path in tmp_path.glob("*/events.*")}
    events = EventAccumulator(str(folder))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "reward_mean"}
    assert [(e.step, e.value) for e in events.Scalars("reward_mean")] == [(0, 0.0), (1, 0.25), (2, 0.5)]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx([0.5, 0.25, 0.5 / 3])
    assert "learning_rate: 1.0e-06" in next(tmp_path.rglob("hparams.yml")).read_text()


def test_a_tracker_that_refuses_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    done = run(str(tmp_path), "tensorboard", steps="['no number', 'nor this', 2]")
    assert done.stderr.count("tensorboard does not take the metrics (told once)") == 1
    events = EventAccumulator(str(next(tmp_path.glob("*/events.*")).parent))
    events.Reload()
    assert [e.step for e in events.Scalars("loss")] == [2]


def test_none_asked_for_none_made(tmp_path: Path) -> None:
    run(str(tmp_path))
    assert not list(tmp_path.iterdir())
