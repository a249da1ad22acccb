"""How the training's processes are started, and what is refused before anything runs."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from schemas.training import TrainConfig
from tasks.errors import ConfigurationError
from tasks.stages.train.stage import check, launcher


def test_one_process_is_this_python() -> None:
    assert launcher(TrainConfig()) == [sys.executable]


def test_several_are_torchruns() -> None:
    command = launcher(TrainConfig(processes=8))
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert "--nproc-per-node=8" in command


def test_several_nodes_are_the_users_command() -> None:
    command = launcher(TrainConfig(launcher="srun --nodes=2 torchrun --rdzv-endpoint='a b:1'"))
    assert command == ["srun", "--nodes=2", "torchrun", "--rdzv-endpoint=a b:1"]


def test_a_trackers_package_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else object())
    check(TrainConfig(trackers=("tensorboard", "mlflow")))
    with pytest.raises(ConfigurationError, match=r"train.trackers names wandb, .*: pip install wandb"):
        check(TrainConfig(trackers=("tensorboard", "wandb")))
