"""What the stage is, and what its child process is asked for."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.config import ScoreConfig
from schemas.policies import POLICIES
from schemas.training import TrainConfig
from tasks.policy.files import Policy
from tasks.stage.stage import Stage
from tasks.store.manifest import Ref

STAGE = Stage("policies", version=1, tables={"policies": POLICIES})


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
