"""PivotRL as a flow (arXiv 2603.21383):

    ingest > split > (rollout > score > profile > select > train) x rounds > evaluate before and after

Every stage reads and writes versioned artefacts; one whose inputs and configuration have been seen before is not run
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prefect import flow

from flows.reuse import Given, Until, check_until, given
from flows.settings.checks import check_context
from flows.settings.configuration import Changes, Preset, resolved
from flows.settings.pipeline import PipelineConfig
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import Policy, resolve, trained
from tasks.stages.evaluate.stage import check
from tasks.stages.evaluate.task import evaluate
from tasks.stages.ingest.task import ingest
from tasks.stages.profile.task import profile
from tasks.stages.rollout.task import rollout
from tasks.stages.score.task import score
from tasks.stages.select.task import select
from tasks.stages.split.task import split
from tasks.stages.train.stage import check as check_training
from tasks.stages.train.task import train
from tasks.store.store import Store


def training(c: PipelineConfig, reference: Policy, made: Given) -> Iterator[Artefact]:
    """Each artefact up to the trained policy as it is made; what `made` holds is taken instead, in the first round."""
    check_training(c.train)
    url = c.store
    yield (trajectories := made.pop("trajectories") or ingest.submit(c.ingest, url).result())
    yield (states := made.pop("states") or split.submit(c.split, trajectories, url).result())
    data = (states, trajectories)
    policy, pivots = reference, None
    for number in range(c.rounds):
        seed = c.seed + number * 1000
        if c.train.method == "grpo":
            if not made.profiled:
                yield (rollouts := made.pop("rollouts") or rollout.submit(c.rollout, *data, policy, seed, url).result())
                yield (scores := made.pop("scores") or score.submit(c.score, rollouts, *data, url).result())
            yield (profiles := made.pop("profiles") or profile.submit(c.profile, scores, states, url).result())
            yield (pivots := made.pop("pivots") or select.submit(c.select, profiles, seed, url).result())
        update = made.pop("policies") or train.submit(c.train, c.score, pivots, *data, policy, seed, url).result()
        policy = stored_policy(update.ref)
        yield update


def evaluation(c: PipelineConfig, artefacts: Iterable[Artefact], *policies: Policy) -> Iterator[Artefact]:
    """The evaluation of each policy, all on the held-out states of the same artefacts and with the same verifier."""
    made = {artefact.stage: artefact for artefact in artefacts}
    for policy in policies:
        data = (made["states"], made["trajectories"])
        yield evaluate.submit(c.evaluate, c.score, *data, policy, c.seed, c.store).result()


def stages(c: PipelineConfig, reference: Policy, made: Given) -> Iterator[Artefact]:
    """Each artefact of a run as it is made."""
    artefacts = []
    for artefact in training(c, reference, made):
        artefacts.append(artefact)
        yield artefact
    yield from evaluation(c, artefacts, reference, stored_policy(artefacts[-1].ref))


@flow(name="pivotrl")
@fail_without_traceback
def pivotrl(
    preset: Preset = "desk",
    start: str = "",
    until: Until = "evaluations",
    config: Changes = {},  # noqa: B006 (a form's default, never changed)
) -> list[Artefact]:
    """Turn SFT trajectories into a better policy.

    Args:
        preset: The configuration to start from: the built-in demonstration (desk), conversational tool use on one GPU
            with your trajectories and your model (tool-use), or the defaults alone (none).
        start: An artefact to start from, as pivots@VERSION or pivots@TAG; the stages before it do not run. Empty: all.
            Not evaluations, and not what comes after until.
        until: The last artefact to make: policies are those of the last round, what comes before them is the first's.
        config: What differs from the preset. What is left empty is the preset's.
    """
    c = resolved(preset, config)
    check_until(until, c.train.method)
    check(c.evaluate)
    store = Store(c.store)
    reference = resolve(c.model, store)
    check_context(c, reference.location, store, until)
    made = given(store, start, until)
    artefacts = []
    left = {"policies": c.rounds, "evaluations": 2}.get(until, 1)
    with children_stopped_on_error():
        for artefact in stages(c, reference, made):
            artefacts.append(artefact)
            left -= artefact.stage == until
            if not left:
                break
    return artefacts
