"""Retraining as a flow, on a schedule or when something says that data arrived:

    ingest > anything new? > split > ... > train > evaluate the policy in use and the candidate > gate > promote

What is new is told by content, so the run may be started as often as one likes: by a schedule, by an event, again
after a crash. The source is the folder or glob that grows: old and new data are trained on together, from the
configured model, so that policies do not drift from retraining to retraining. `model: policies@promoted` goes on from
the policy in use instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, cast

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, TypeAdapter, WithJsonSchema

from flows.pivotrl import evaluation, training
from flows.reuse import Given
from flows.settings.checks import check_context
from flows.settings.configuration import Changes, Preset, resolved
from schemas.config import GateConfig
from schemas.locations import Location
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import resolve, trained
from tasks.stages.evaluate.stage import check
from tasks.stages.promote.arrivals import recipe
from tasks.stages.promote.gate import check_gate, check_held_out
from tasks.stages.promote.task import decide, look
from tasks.store.promotion import policy_in_use
from tasks.store.store import Store

Outcome = Literal["Promoted", "Rejected", "NoNewData"]

Source = Annotated[str, WithJsonSchema(TypeAdapter(Location).json_schema())]
"""A Location by its schema alone: the form and the server refuse a secret, before it is stored as a run's parameter.
In Python the configuration does, whose error does not repeat it, as Prefect's would."""


class Retrained(BaseModel):
    """How a run ended, in a word and a sentence, and what it made on the way; the last is the decision if there is
    one."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    sentence: str
    artefacts: list[Artefact]


@flow(name="retrain")
@fail_without_traceback
def retrain(
    preset: Preset = "desk",
    source: Source = "",
    gate: GateConfig = GateConfig(),  # noqa: B008 (frozen)
    config: Changes = {},  # noqa: B006 (a form's default, never changed)
) -> Retrained:
    """Train on old and new trajectories, and promote the policy if it is better than the one in use.

    Ends at once, as NoNewData, where no trajectory arrived since the promoted policy was trained, or since a candidate
    of this configuration was rejected. Before the first promotion the candidate is compared with the model.

    Args:
        preset: The configuration to start from, as for pivotrl.
        source: All of the data, old and new, where this is not ingest.source of the configuration; an event may say.
        gate: What the candidate must show to be promoted.
        config: What differs from the preset. What is left empty is the preset's.
    """
    section = config.get("ingest") or {}
    if source and isinstance(section, Mapping):  # what is no section is refused below
        config = {**config, "ingest": {**section, "source": source}}
    c = resolved(preset, config)
    check(c.evaluate)
    check_gate(gate, c.evaluate, c.split)
    store = Store(c.store)
    reference = resolve(c.model, store)
    check_context(c, reference.location, store)
    in_use = policy_in_use(store)
    baseline = trained(in_use) if in_use else reference
    key = recipe(c, c.seed, reference)
    artefacts: list[Artefact] = []
    with children_stopped_on_error():
        for artefact in training(c, reference, Given()):
            artefacts.append(artefact)
            if artefact.stage == "states":
                check_held_out(store, artefact.ref, c.evaluate)
            if artefact.stage == "trajectories":
                found = look.submit(artefact, key, baseline, gate, c.store).result()
                if found.stop_reason:
                    return _ended("NoNewData", found.stop_reason, artefacts)
        candidate = artefacts[-1]
        artefacts += (evaluations := list(evaluation(c, artefacts, baseline, stored_policy(candidate.ref))))
        made = {artefact.stage: artefact for artefact in artefacts}
        decision = decide.submit(gate, key, made, baseline, evaluations, c.store).result()
    summary = store.manifest(decision.ref).summary
    outcome: Outcome = "Promoted" if summary["passes"] else "Rejected"
    return _ended(outcome, summary["sentence"], [*artefacts, decision])


def text(found: Retrained) -> str:
    """How the run ended, for a person."""
    return f"{found.outcome}: {found.sentence}"


def _ended(outcome: Outcome, sentence: str, artefacts: Iterable[Artefact]) -> Retrained:
    """A Prefect state of that name, from which Prefect takes what is inside."""
    found = Retrained(outcome=outcome, sentence=sentence, artefacts=list(artefacts))
    return cast(Retrained, Completed(name=outcome, message=sentence, data=found))
