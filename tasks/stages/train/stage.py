"""What `train` makes, and from what: a policy, from the pivots or the demonstrations; and how its child is started."""

from __future__ import annotations

import importlib.util
import shlex
import sys

from pydantic import BaseModel

from schemas.policies import POLICIES
from schemas.training import TrainConfig
from tasks.artefact.stage import Stage
from tasks.errors import ConfigurationError
from tasks.policy.files import Policy
from tasks.policy.parsing import parser_identity
from tasks.store.manifest import Ref
from tasks.verifiers.build import fingerprint
from tasks.verifiers.section import ScoreConfig

STAGE = Stage("policies", version=5, tables={"policies": POLICIES})

PLOTTED = ("reward_mean", "zero_variance", "loss", "validation")
"""Metrics of a step that are plotted while the training runs."""


def inputs(states: Ref, pivots: Ref | None, policy: Policy, score: ScoreConfig, seed: int) -> dict[str, str]:
    """What the policy depends on beside the configuration, as in the manifest."""
    return {
        "states": str(states),
        "pivots": str(pivots) if pivots else "",
        **policy.inputs,
        "verifier": fingerprint(score.verifier),
        "parser": parser_identity(score.parser),
        "seed": str(seed),
    }


class TrainSpec(BaseModel):
    """Everything the child needs. Without `pivots` it trains on every training state (SFT)."""

    store: str
    target: Ref
    states: Ref
    trajectories: Ref
    pivots: Ref | None
    policy: Policy
    config: TrainConfig
    score: ScoreConfig
    seed: int


def check(config: TrainConfig) -> None:
    """Refuse before anything runs what training would refuse after hours of sampling.

    Raises:
        ConfigurationError: a tracker's package is not installed.
    """
    missing = [name for name in config.trackers if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"train.trackers names {', '.join(missing)}, which is not installed: pip install {' '.join(missing)}"
        )


def launcher(config: TrainConfig) -> list[str]:
    """The command that takes `-m MODULE SPEC`: this Python, torchrun where there are several processes, or the
    user's own."""
    if config.launcher:
        return shlex.split(config.launcher)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={config.processes}"]
    return [sys.executable, *(torchrun if config.processes > 1 else [])]
