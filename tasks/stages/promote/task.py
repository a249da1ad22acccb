"""The Prefect tasks of promotion: look for new trajectories; judge a candidate and, if it passes, put it into use."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.events import emit_event

from schemas.config import GateConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, logger, stage_task
from tasks.policy.files import Policy
from tasks.stages.promote.arrivals import Arrivals, arrivals
from tasks.stages.promote.decision import display_name, put_into_use, write_decision
from tasks.stages.promote.stage import STAGE, inputs
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store


@stage_task
def look(trajectories: Artefact, recipe: str, base: Policy, gate: GateConfig, store_url: str) -> Arrivals:
    """Find what arrived since the policy in use was trained."""
    new = arrivals(Store(store_url), trajectories.ref, recipe, base, gate)
    logger().info(new.text)
    return new


@stage_task
def decide(
    config: GateConfig,
    recipe: str,
    artefacts: dict[str, Artefact],
    base: Policy,
    evaluations: Sequence[Artefact],
    store_url: str,
) -> Artefact:
    """Judge the candidate by the gate, commit the decision, and put the candidate into use if it passes.

    Args:
        recipe: as `tasks.stages.promote.arrivals.recipe` gives it.
        artefacts: the run's, by stage; the candidate is its policy.
        evaluations: the base's, then the candidate's.
    """
    store = Store(store_url)
    candidate = artefacts["policies"].ref
    of_base, of_candidate = (evaluation.ref for evaluation in evaluations)
    data = (artefacts["trajectories"].ref, artefacts["states"].ref)
    decision_inputs = inputs(recipe, *data, base, candidate, of_base, of_candidate)
    artefact = obtain(
        STAGE,
        config,
        decision_inputs,
        store,
        lambda writer: write_decision(writer, store, config, decision_inputs, display_name(base)),
    )
    decision = store.manifest(artefact.ref)
    # After the commit: a run that is killed in between finds the decision when it is started again, and promotes then.
    if decision.summary["passes"]:
        put_into_use(store, candidate, base)
    _announce_outcome(decision)
    return announce(artefact, store)


def _announce_outcome(decision: Manifest) -> None:
    summary = decision.summary
    outcome = "promoted" if summary["passes"] else "rejected"
    logger().info(f"{outcome}: {summary['sentence']}")
    candidate = Ref.parse(summary["candidate"])
    emit_event(
        f"pivotrl.policy.{outcome}",
        resource={"prefect.resource.id": f"pivotrl.policies.{candidate.version}"},
        payload={**summary, "promoted": summary["passes"], "decision": str(decision.ref)},
    )
