"""The Prefect tasks of promotion: look for new trajectories; judge a candidate and, if it holds, put it into use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect.events import emit_event

from schemas.config import GateConfig
from schemas.decisions import DECISIONS
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.errors import StageFailed
from tasks.orchestration.stage_task import logger, published, stage_task
from tasks.policy.files import Policy
from tasks.report.improvement import improvements
from tasks.stages.promote.arrivals import Arrivals, arrivals
from tasks.stages.promote.gate import checks, rows
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import promote, promoted
from tasks.store.store import Store

STAGE = Stage("decisions", version=2, tables={"decisions": DECISIONS})


@stage_task
def look(trajectories: Artefact, key: str, baseline: Policy, gate: GateConfig, store_url: str) -> Arrivals:
    """Find what arrived since the promoted policy was trained."""
    found = arrivals(Store(store_url), trajectories.ref, key, baseline, gate)
    logger().info(found.text)
    return found


@stage_task
def decide(
    config: GateConfig,
    key: str,
    made: dict[str, Artefact],
    baseline: Policy,
    evaluations: Sequence[Artefact],
    store_url: str,
) -> Artefact:
    """Judge the candidate by the gate, keep the decision, and put the candidate into use where it holds.

    The decision is committed before the tag moves: a run that is killed between the two finds it when it is started
    again, and moves the tag then.

    Args:
        key: of the recipe.
        made: the run's artefacts by stage; the candidate is its policy.
        evaluations: the baseline's, then the candidate's.
    """
    store = Store(store_url)
    candidate = made["policies"].ref
    before, after = (artefact.ref for artefact in evaluations)
    inputs = {
        "policies": str(candidate),
        "policy": baseline.version,
        "states": str(made["states"].ref),
        "trajectories": str(made["trajectories"].ref),
        "evaluations": str(after),
        "baseline_evaluations": str(before),
        "recipe": key,
    }
    against = named(baseline)
    artefact = obtain(
        STAGE, config, inputs, store, lambda writer: write_decision(writer, store, config, inputs, against)
    )
    decision = store.manifest(artefact.ref)
    if decision.summary["passes"]:
        put_into_use(store, candidate, baseline)
    _announce(decision, candidate)
    return published(artefact, store)


def put_into_use(store: Store, candidate: Ref, baseline: Policy) -> None:
    """Promote the candidate in place of the policy that it was held against.

    Raises:
        StageFailed: another policy was promoted while this run went on.
    """
    in_use = promoted(store)
    if in_use not in (None, candidate) and str(in_use) != baseline.version:
        raise StageFailed(
            f"{candidate} passes the gate against {named(baseline)}, but {in_use} was promoted meanwhile, and stays; "
            f"to use the candidate all the same: `pivotrl promote {candidate}`"
        )
    promote(store, candidate)


def named(baseline: Policy) -> str:
    """What a candidate was held against, for a person: a policy of the store, or a model by its name. Of a folder that
    is the last part, which tells no machine's paths."""
    if baseline.location.startswith("policies@"):
        return baseline.location
    return f"the model {baseline.location if baseline.location == baseline.version else Path(baseline.location).name}"


def write_decision(writer: Writer, store: Store, config: GateConfig, inputs: Mapping[str, str], against: str) -> None:
    """One part: the checks, and every measurement that they pool.

    Args:
        against: the baseline, as `named` gives it.
    """
    after, before = (store.read(Ref.parse(inputs[name])) for name in ("evaluations", "baseline_evaluations"))
    found = improvements(after, before)
    decided = checks(found, config)
    holds = all(check.holds for check in decided)
    candidate, baseline = inputs["policies"], inputs["policy"]
    numbers = ", ".join(f"{check.text} {'holds' if check.holds else 'fails'}" for check in decided)
    summary = {
        "passes": holds,
        "candidate": candidate,
        "baseline": baseline,
        "sentence": f"{candidate} {'passes' if holds else 'fails'} the gate against {against}: {numbers}",
    }
    writer.write(0, {"decisions": frame(DECISIONS, rows(decided, found))}, summary=summary)


def _announce(decision: Manifest, candidate: Ref) -> None:
    summary = decision.summary
    outcome = "promoted" if summary["passes"] else "rejected"
    logger().info(f"{outcome}: {summary['sentence']}")
    emit_event(
        f"pivotrl.policy.{outcome}",
        resource={"prefect.resource.id": f"pivotrl.policies.{candidate.version}"},
        payload={**summary, "promoted": summary["passes"], "decision": str(decision.ref)},
    )
