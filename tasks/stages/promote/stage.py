"""What `promote` makes, and from what: a decision, from two policies and their evaluations."""

from __future__ import annotations

from schemas.decisions import DECISIONS
from tasks.artefact.stage import Stage
from tasks.policy.files import Policy
from tasks.store.manifest import Ref

STAGE = Stage("decisions", version=3, tables={"decisions": DECISIONS})


def inputs(
    recipe: str,
    trajectories: Ref,
    states: Ref,
    base: Policy,
    candidate: Ref,
    base_evaluations: Ref,
    candidate_evaluations: Ref,
) -> dict[str, str]:
    """What a decision depends on beside the gate, as in the manifest: the two policies, their evaluations, the data."""
    return {
        "policies": str(candidate),
        "policy": base.version,
        "states": str(states),
        "trajectories": str(trajectories),
        "evaluations": str(candidate_evaluations),
        "base_evaluations": str(base_evaluations),
        "recipe": recipe,
    }
