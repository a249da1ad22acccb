"""Which trajectories arrived since the policy in use was trained, and whether a run on them can lead to a new policy.

Trajectories are compared by id, and an id is a hash of the trajectory's content: files may be renamed or moved.

A run ends at once in three cases:
- no trajectory arrived;
- a candidate of the same trajectories, recipe, base policy and gate was rejected: the run would make it again;
- a policy of the same trajectories and recipe was in use before and was replaced: the run would bring it back.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schemas.config import GateConfig
from schemas.section import Section
from tasks.artefact.fingerprint import canonical, version
from tasks.errors import NotInStore
from tasks.policy.files import Policy
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import policy_in_use, replaced_policies
from tasks.store.store import Store


class Arrivals(BaseModel):
    """How the trajectories differ from those that the policy in use was trained on, in numbers."""

    model_config = ConfigDict(frozen=True)

    new: int
    known: int
    gone: int
    """Trajectories that the policy in use was trained on and the source no longer has. The candidate does without."""
    stop_reason: str = ""
    """Why there is nothing to do; empty where there is."""

    @property
    def text(self) -> str:
        """The same for a person."""
        gone = f", {self.gone:,} that the promoted policy saw are gone from the source" if self.gone else ""
        return f"{self.new:,} new trajectories, {self.known:,} known{gone}"


def recipe(config: Section, seed: int, reference: Policy) -> str:
    """A hash of everything but the trajectories that a candidate depends on."""
    settings = canonical(config)
    del settings["ingest"]  # names the trajectories
    del settings["model"]  # the name of the reference policy, whose content counts
    return version("recipe", 1, settings, {**reference.inputs, "seed": str(seed)})


def arrivals(store: Store, trajectories: Ref, recipe: str, base: Policy, gate: GateConfig) -> Arrivals:
    """What is new, and why not to go on if there is a reason.

    Raises:
        NotInStore: the policy in use, or the trajectories that it was trained on, are gone.
    """
    in_use = policy_in_use(store)
    ids = _ids(store, trajectories)
    known = _ids(store, training_data(store, in_use)) if in_use else set()
    stop_reason = (
        _stop_reason(store, ids, recipe, base, gate)
        if ids - known
        else f"no trajectory arrived since {in_use} was trained, on {len(known):,}"
    )
    return Arrivals(new=len(ids - known), known=len(ids & known), gone=len(known - ids), stop_reason=stop_reason)


def training_data(store: Store, policy: Ref) -> Ref:
    """The trajectories that a policy was trained on.

    Raises:
        NotInStore: they are gone, or the policy was not made from any.
    """
    # Only by way of the states: rollouts, scores and pivots may have been deleted to save space.
    ref = policy
    for stage in ("states", "trajectories"):
        text = store.manifest(ref).inputs.get(stage, "")
        ref = Ref.parse(text)
        if not text or store.find(ref) is None:
            problem = f"{ref} is gone" if text else f"its manifest names no {stage}"
            raise NotInStore(
                f"what is new since {policy} cannot be told, because {problem}; make its data again (`pivotrl run` "
                "with its configuration), or put another policy into use (`pivotrl promote`)"
            )
    return ref


def _stop_reason(store: Store, ids: set[str], recipe: str, base: Policy, gate: GateConfig) -> str:
    """Why a run on these trajectories would lead to nothing new; empty where it might."""
    replaced = replaced_policies(store)
    for decision in store.artefacts("decisions"):
        if decision.inputs["recipe"] != recipe:
            continue
        candidate = Ref.parse(decision.inputs["policies"])
        same_gate = decision.inputs["policy"] == base.version and decision.config == canonical(gate)
        # A decision of stage version 1 has no `passes` in its summary: such a candidate is measured again.
        rejected = same_gate and decision.summary.get("passes") is False
        if not (rejected or candidate.version in replaced) or not _has_trajectories(store, decision, ids):
            continue
        if candidate.version in replaced:
            return (
                f"{candidate}, trained on these trajectories, was in use before; `pivotrl promote {candidate}` puts it "
                "back"
            )
        return f"no trajectory arrived since {candidate} was rejected: {decision.summary['sentence']}"
    return ""


def _has_trajectories(store: Store, decision: Manifest, ids: set[str]) -> bool:
    """Whether the decision's candidate was trained on exactly these trajectories; False where they are gone.

    Fewer do not count as the same: a person may have removed the trajectory that spoiled the candidate.
    """
    trajectories = store.find(Ref.parse(decision.inputs["trajectories"]))
    # The number of rows first: it is in the manifest, and spares reading every id of most decisions.
    return trajectories is not None and trajectories.rows >= len(ids) and ids == _ids(store, trajectories.ref)


def _ids(store: Store, trajectories: Ref) -> set[str]:
    """Every trajectory's id, one part in memory at a time."""
    parts = store.parts(trajectories, columns=["trajectory_id"])
    return {trajectory_id for _, part in parts for trajectory_id in part["trajectory_id"]}
