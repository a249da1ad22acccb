"""What a policy depends on, how the training's processes are started, and what is refused before anything runs."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from schemas.training import TrainConfig
from tasks.errors import ConfigurationError
from tasks.policy.files import Policy
from tasks.stages.train.stage import check, inputs, launcher
from tasks.store.manifest import Ref
from tasks.verifiers.kinds import ExactSettings
from tasks.verifiers.section import ScoreConfig


def test_a_policy_depends_on_its_states_the_policy_before_it_and_what_rewards_it() -> None:
    states, pivots = Ref(stage="states", version="aa"), Ref(stage="pivots", version="bb")
    policy, score = Policy(location="/some/folder", version="desk:cc"), ScoreConfig(verifier=ExactSettings())
    assert inputs(states, pivots, policy, score, 3) == {
        "states": "states@aa",
        "pivots": "pivots@bb",
        "policy": "desk:cc",
        "verifier": 'exact/2 {"kind": "exact"}',
        "parser": "auto",
        "seed": "3",
    }
    assert inputs(states, None, policy, score, 3)["pivots"] == "", "SFT"


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
