"""Retraining as a flow, on a schedule or when an event says that data arrived:

    ingest > anything new? > split > ... > train > evaluate the base and the candidate > gate > promote

What is new is told by content. So the run may be started as often as one likes: by a schedule, by an event, again
after a crash. The source is a folder or glob that grows. Each candidate is trained on old and new data together, and
from the configured model, so that policies do not drift from retraining to retraining. With `model: policies@promoted`
it goes on from the policy in use instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, cast

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, TypeAdapter, WithJsonSchema

from flows.pivotrl import evaluation, training
from flows.reuse import Run, wait_for
from flows.settings.checks import check_policy
from flows.settings.configuration import Changes, Preset, change_preset
from schemas.config import GateConfig
from schemas.locations import Location
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import resolve, stored_policy
from tasks.stages.evaluate.stage import check as check_evaluation
from tasks.stages.ingest.task import ingest
from tasks.stages.promote.arrivals import recipe
from tasks.stages.promote.gate import check_gate, check_held_out
from tasks.stages.promote.task import decide, look
from tasks.stages.split.task import split
from tasks.stages.train.stage import check as check_training
from tasks.store.promotion import policy_in_use
from tasks.store.store import Store

Outcome = Literal["Promoted", "Rejected", "NoNewData"]

Source = Annotated[str, WithJsonSchema(TypeAdapter(Location).json_schema())]
"""A Location by its schema alone, by which the form and the server refuse a secret before it is stored as a run's
parameter. In Python the configuration refuses it: Prefect's own error would repeat it."""


class RetrainResult(BaseModel):
    """How a run ended, in a word and a sentence, and its artefacts; the last is the decision, where there is one."""

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
) -> RetrainResult:
    """Train on old and new trajectories, and promote the policy if it is better than the one in use.

    Ends at once, as NoNewData, where no trajectory arrived since the promoted policy was trained, or since a candidate
    of this configuration was rejected. Before the first promotion the candidate is compared with the model.

    Args:
        preset: The configuration to start from, as for pivotrl.
        source: All of the data, old and new, where this is not ingest.source of the configuration; an event may say.
        gate: What the candidate must show to be promoted.
        config: What differs from the preset. What is left empty is the preset's.
    """
    c = change_preset(preset, _with_source(config, source))
    check_evaluation(c.evaluate)
    check_training(c.train)
    check_gate(gate, c.evaluate, c.split)
    store = Store(c.store)
    reference = resolve(c.model, store, c.model_options)
    check_policy(c, reference.location, store)
    in_use = policy_in_use(store)
    base = stored_policy(in_use, c.model_options) if in_use else reference
    check_policy(c, base.location, store)
    key = recipe(c, c.seed, reference)
    run = Run()
    with children_stopped_on_error():
        trajectories = run.make(ingest, c.ingest, c.store)
        arrivals = wait_for(look, trajectories, key, base, gate, c.store)
        if arrivals.stop_reason:
            return _end("NoNewData", arrivals.stop_reason, run.artefacts)
        states = run.make(split, c.split, trajectories, c.store)
        check_held_out(store, states.ref, c.evaluate)
        data = (states, trajectories)
        candidate = training(c, data, reference, run)
        evaluations = [evaluation(c, data, policy, run) for policy in (base, candidate)]
        by_stage = {artefact.stage: artefact for artefact in run.artefacts}
        decision = wait_for(decide, gate, key, by_stage, base, evaluations, c.store)
    summary = store.manifest(decision.ref).summary
    return _end("Promoted" if summary["passes"] else "Rejected", summary["sentence"], [*run.artefacts, decision])


def text(result: RetrainResult) -> str:
    """How the run ended, for a person."""
    return f"{result.outcome}: {result.sentence}"


def _with_source(config: Changes, source: str) -> Changes:
    """The changes with the source that a run was started with."""
    section = config.get("ingest") or {}
    if not source or not isinstance(section, Mapping):  # what is no section is refused with the other mistakes
        return config
    return {**config, "ingest": {**section, "source": source}}


def _end(outcome: Outcome, sentence: str, artefacts: list[Artefact]) -> RetrainResult:
    """A Prefect state of that name. Prefect hands on the result inside it."""
    result = RetrainResult(outcome=outcome, sentence=sentence, artefacts=artefacts)
    return cast(RetrainResult, Completed(name=outcome, message=sentence, data=result))
