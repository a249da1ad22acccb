"""PivotRL as a flow (arXiv 2603.21383):

    ingest > split > check > (rollout > score > profile > select > train) x rounds > evaluate the model and the policy

Every stage reads and writes versioned artefacts. A stage whose inputs and configuration have been seen before is not
run again.
"""

from __future__ import annotations

from contextlib import suppress

from prefect import flow

from flows.reuse import EndOfRun, Run, Until, check_until, existing_artefacts
from flows.settings.checks import check_policy
from flows.settings.configuration import Changes, Preset, change_preset
from flows.settings.pipeline import PipelineConfig
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import Policy, resolve, stored_policy
from tasks.stages.check.task import check
from tasks.stages.evaluate.stage import check as check_evaluation
from tasks.stages.evaluate.task import evaluate
from tasks.stages.ingest.task import ingest
from tasks.stages.profile.task import profile
from tasks.stages.rollout.task import rollout
from tasks.stages.score.task import score
from tasks.stages.select.task import select
from tasks.stages.split.task import split
from tasks.stages.train.stage import check as check_training
from tasks.stages.train.task import train
from tasks.states.hashing import derive_seed
from tasks.store.store import Store

Data = tuple[Artefact, Artefact]
"""States, and the trajectories that they were cut from."""


def demonstrations(c: PipelineConfig, run: Run) -> Data:
    """Cut recorded trajectories into states, and hold some out."""
    trajectories = run.make(ingest, c.ingest, c.store)
    states = run.make(split, c.split, trajectories, c.store)
    return states, trajectories


def training(c: PipelineConfig, data: Data, reference: Policy, run: Run) -> Policy:
    """Profile, select and train, once per round; each round goes on from the policy of the one before."""
    make, url = run.make, c.store
    states, _ = data
    policy, pivots, checks = reference, None, None
    for number in range(c.rounds):
        # Else a state that sampling noise made a pivot would be profiled with the same noise in the next round.
        seed = derive_seed(c.seed, "round", number)
        if c.train.method == "grpo":
            profiles = run.imported_profiles()
            if profiles is None:
                checks = checks or make(check, c.score, *data, reference, url)
                rollouts = make(rollout, c.rollout, *data, policy, seed, url)
                scores = make(score, c.score, rollouts, checks, *data, url)
                profiles = make(profile, c.profile, scores, states, url)
            pivots = make(select, c.select, profiles, seed, url)
        checks = checks or make(check, c.score, *data, reference, url)  # SFT, or profiles that were imported
        trained = make(train, c.train, c.score, pivots, *data, policy, seed, url)
        policy = stored_policy(trained.ref, c.model_options)
    return policy


def evaluation(c: PipelineConfig, data: Data, policy: Policy, run: Run) -> Artefact:
    """Measure a policy; all policies of a run on the same held-out states and with the same verifier."""
    return run.make(evaluate, c.evaluate, c.score, *data, policy, c.seed, c.store)


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
    c = change_preset(preset, config)
    check_until(until, c.train.method)
    check_evaluation(c.evaluate)
    check_training(c.train)
    store = Store(c.store)
    base = resolve(c.model, store, c.model_options)
    check_policy(c, base.location, store, until)
    run = Run(existing_artefacts(store, start, until), until)
    with children_stopped_on_error(), suppress(EndOfRun):
        data = demonstrations(c, run)
        candidate = training(c, data, base, run)
        if until == "evaluations":
            for policy in (base, candidate):
                evaluation(c, data, policy, run)
    return run.artefacts
