"""What `rollout` makes, and from what: rollouts, from the states and the policy under study."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.config import RolloutConfig
from schemas.rollouts import ROLLOUTS
from tasks.artefact.stage import Stage
from tasks.policy.files import Policy
from tasks.store.manifest import Ref

STAGE = Stage("rollouts", version=3, tables={"rollouts": ROLLOUTS})


def inputs(states: Ref, policy: Policy, seed: int) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {"states": str(states), **policy.inputs, "seed": str(seed)}


class RolloutSpec(BaseModel):
    """Everything the child needs: where to read, what to sample with, where to write."""

    store: str
    target: Ref
    states: Ref
    trajectories: Ref
    policy: Policy
    config: RolloutConfig
    seed: int
