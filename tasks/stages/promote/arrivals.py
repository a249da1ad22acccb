"""What arrived since the policy in use was trained, by content: an id is a hash of its trajectory, and no file's name
or date plays a part.

Nothing new, so no new run, is also what a run finds that has the data, the recipe and the gate of one that was
rejected, or whose policy was in use once and is not now: it would come to the same policy again.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schemas.config import GateConfig
from schemas.section import Section
from tasks.artefact.fingerprint import canonical, version
from tasks.errors import NotInStore
from tasks.policy.files import Policy
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import promoted, retired
from tasks.store.store import Store


class Arrivals(BaseModel):
    """How the trajectories differ from those that the promoted policy was trained on, in numbers."""

    model_config = ConfigDict(frozen=True)

    new: int
    known: int
    gone: int
    """In the promoted policy's data and not in the source any more: the candidate does without."""
    ended: str = ""
    """Why there is nothing to do; empty where there is."""

    @property
    def text(self) -> str:
        """The same for a person."""
        gone = f", {self.gone:,} that the promoted policy saw are gone from the source" if self.gone else ""
        return f"{self.new:,} new trajectories, {self.known:,} known{gone}"


def recipe(config: Section, seed: int, reference: Policy) -> str:
    """A hash of all that a candidate depends on beside the trajectories."""
    settings = canonical(config)
    for data_or_name in ("ingest", "model"):
        del settings[data_or_name]
    return version("recipe", 1, settings, {"reference": reference.version, "seed": str(seed)})


def arrivals(store: Store, trajectories: Ref, key: str, baseline: Policy, gate: GateConfig) -> Arrivals:
    """What is new, and whether that asks for a run.

    Args:
        key: of the recipe.

    Raises:
        NotInStore: the promoted policy, or the trajectories that it was trained on, are gone.
    """
    in_use = promoted(store)
    now = _ids(store, trajectories)
    before = _ids(store, trained_on(store, in_use)) if in_use else set()
    found = Arrivals(new=len(now - before), known=len(now & before), gone=len(before - now))
    if not found.new:
        ended = f"no trajectory arrived since {in_use} was trained, on {len(before):,}"
        return found.model_copy(update={"ended": ended})
    return found.model_copy(update={"ended": _settled(store, now, key, baseline, gate)})


def trained_on(store: Store, policy: Ref) -> Ref:
    """The trajectories of a policy. Only its states are asked: what lies between may have been cleared away.

    Raises:
        NotInStore: they are gone, or the policy was not made from any.
    """
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


def _settled(store: Store, now: set[str], key: str, baseline: Policy, gate: GateConfig) -> str:
    """Why a run on these trajectories would come to nothing; empty where it might not."""
    past = retired(store)
    for decision in store.artefacts("decisions"):
        if decision.inputs["recipe"] != key:
            continue
        candidate = Ref.parse(decision.inputs["policies"])
        same_judge = decision.inputs["policy"] == baseline.version and decision.config == canonical(gate)
        # A decision of stage version 1 does not say whether it passes: such a candidate is measured again.
        rejected = same_judge and decision.summary.get("passes") is False
        if not (rejected or candidate.version in past) or not _saw(store, decision, now):
            continue
        if candidate.version in past:
            return (
                f"{candidate}, trained on these trajectories, was in use before; `pivotrl promote {candidate}` puts it "
                "back"
            )
        return f"no trajectory arrived since {candidate} was rejected: {decision.summary['sentence']}"
    return ""


def _saw(store: Store, decision: Manifest, now: set[str]) -> bool:
    """Whether the decision's policy was trained on these trajectories and no others: without one that a person has
    taken from the source it may come out better. Not where they are gone."""
    trajectories = store.find(Ref.parse(decision.inputs["trajectories"]))
    return trajectories is not None and trajectories.rows >= len(now) and now == _ids(store, trajectories.ref)


def _ids(store: Store, trajectories: Ref) -> set[str]:
    """Every trajectory's id, one part in memory at a time."""
    parts = store.parts(trajectories, columns=["trajectory_id"])
    return {one for _, part in parts for one in part["trajectory_id"]}
