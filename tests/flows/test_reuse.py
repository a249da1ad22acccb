from typing import Any, cast

import pytest
from prefect import flow
from prefect.states import Completed

from flows.pivotrl import pivotrl
from flows.reuse import EndOfRun, ExistingArtefacts, Run, check_until, existing_artefacts, wait_for
from schemas.config import SplitConfig
from schemas.stages import ARTEFACTS
from tasks.artefact.stage import Artefact
from tasks.errors import ConfigurationError, InputError, NotInStore
from tasks.orchestration.stage_task import stage_task
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory
from tests.flows.growing import GrowingData


def commit(store: Store, stage: str, number: int, **inputs: str) -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    store.commit(Manifest(stage=stage, version=ref.version, stage_version=1, config={}, inputs=inputs, parts=()))
    return ref


def take_all(existing: ExistingArtefacts) -> dict[str, Artefact]:
    artefacts = {name: existing.take(name) for name in ARTEFACTS}
    return {name: artefact for name, artefact in artefacts.items() if artefact is not None}


def artefact(stage: str) -> Artefact:
    return Artefact(stage=stage, version="0" * 16, rows=1, bytes=1, seconds=0, cached=True, uri="")


def test_an_artefact_brings_everything_that_it_was_made_from(store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0)]])
    states = commit_states(store, trajectories)
    commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    trained = commit(store, "policies", 9)
    rollouts = commit(store, "rollouts", 1, states=str(states.ref), policy=str(trained), seed="0")
    scores = commit(store, "scores", 2, rollouts=str(rollouts), states=str(states.ref), verifier="exact/1")
    existing = existing_artefacts(store, str(scores))
    artefacts = take_all(existing)
    assert {name: artefact.version for name, artefact in artefacts.items()} == {
        "trajectories": trajectories.version,
        "states": states.version,
        "rollouts": rollouts.version,
        "scores": scores.version,
    }, "and not the policy that it was sampled with: that is of the round before"
    assert all(artefact.cached for artefact in artefacts.values())
    assert take_all(existing) == {}, "a later round makes its own"


@pytest.mark.parametrize("stage", ["evaluations", "decisions"])
def test_nothing_is_made_from_what_measures(store: Store, stage: str) -> None:
    measured = commit(store, stage, 1)
    with pytest.raises(ConfigurationError, match=f"start '{measured}': nothing is made from {stage}; .* trajectories,"):
        existing_artefacts(store, str(measured))


def test_a_run_does_not_begin_behind_its_end(store: Store) -> None:
    states = commit_states(store, commit_trajectories(store, [[trajectory(0)]]))
    pivots = commit(store, "pivots", 1, states=str(states.ref))
    store.tag(pivots, "good")
    with pytest.raises(ConfigurationError, match="start 'pivots@good' comes after until 'states'"):
        existing_artefacts(store, "pivots@good", "states")
    for until in ("pivots", "policies", "evaluations"):
        existing = existing_artefacts(store, "pivots@good", until)
        assert take_all(existing).keys() == {"trajectories", "states", "pivots"}


def test_without_a_start_nothing_exists(store: Store) -> None:
    assert take_all(existing_artefacts(store, "")) == {}


def test_profiles_without_rollouts_need_no_sampling(store: Store) -> None:
    states = commit_states(store, commit_trajectories(store, [[trajectory(0)]]))
    imported = commit(store, "profiles", 1, states=str(states.ref), policy="recorded")
    run = Run(existing_artefacts(store, str(imported)))
    profiles = run.imported_profiles()
    assert profiles is not None and profiles.ref == imported
    assert run.artefacts == [profiles]
    assert run.imported_profiles() is None, "the second round samples"
    assert Run(existing_artefacts(store, str(states.ref))).imported_profiles() is None


def test_profiles_of_rollouts_are_not_imported_ones() -> None:
    existing = ExistingArtefacts([artefact("rollouts"), artefact("profiles")])
    assert existing.take_imported_profiles() is None
    assert existing.take("profiles") is not None, "and are still there"


def test_what_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="no stage 'pivot'"):
        existing_artefacts(store, "pivot@x")
    with pytest.raises(NotInStore, match="no version or tag 'x' of pivots"):
        existing_artefacts(store, "pivots@x")
    orphan = commit(store, "states", 3, trajectories="trajectories@gone")
    with pytest.raises(NotInStore, match="no trajectories@gone"):
        existing_artefacts(store, str(orphan))


@pytest.mark.parametrize(("until", "method"), [("pivot", "grpo"), ("pivots", "sft"), ("rollouts", "sft"), ("", "grpo")])
def test_an_end_that_never_comes_is_refused(until: str, method: str) -> None:
    with pytest.raises(ConfigurationError, match=f"until '{until}': with train.method={method} a run makes traj"):
        check_until(until, method)


@pytest.mark.parametrize(("until", "method"), [("pivots", "grpo"), ("evaluations", "sft"), ("states", "sft")])
def test_any_other_end_will_do(until: str, method: str) -> None:
    check_until(until, method)


@stage_task
def split(stage: str) -> Artefact:
    """As stages do, it returns its artefact inside a Prefect state."""
    return cast(Artefact, Completed(name="Cached", data=artefact(stage)))


@stage_task
def train() -> Artefact:
    raise AssertionError("did not run: its artefact exists")


def test_an_existing_artefact_is_taken_before_its_task_runs() -> None:
    existing = artefact("states")
    run = Run(ExistingArtefacts([existing]))
    assert run.make(split, "its task did not run") is existing
    assert run.artefacts == [existing]


def test_a_run_ends_at_the_first_artefact_that_it_was_to_end_with_unless_there_are_several() -> None:
    states, policies = artefact("states"), artefact("policies")
    run = Run(ExistingArtefacts([states, policies]), until="states")
    with pytest.raises(EndOfRun):
        run.make(split, "states")
    assert run.artefacts == [states], "which is one of its artefacts"
    run = Run(ExistingArtefacts([states, policies]), until="policies")
    assert [run.make(split, "states"), run.make(train)] == run.artefacts == [states, policies]


@pytest.mark.server
def test_a_task_gives_what_is_in_its_state_or_raises_it(growing: GrowingData) -> None:
    @stage_task
    def fails() -> Artefact:
        raise InputError("no such file")

    @flow
    def takes_makes_and_fails() -> None:
        run = Run(ExistingArtefacts([artefact("states")]))
        assert [run.make(split, "one").stage, run.make(split, "two").stage] == ["states", "two"]
        wait_for(fails)

    with pytest.raises(InputError, match="no such file"):
        takes_makes_and_fails()


@pytest.mark.server
@pytest.mark.parametrize(
    ("start", "until", "stages"),
    [
        ("", "trajectories", ["trajectories"]),
        ("", "states", ["trajectories", "states"]),
        ("trajectories", "states", ["trajectories", "states"]),
        ("states", "states", ["trajectories", "states"]),
    ],
)
def test_a_flow_makes_what_comes_up_to_its_end(growing: GrowingData, start: str, until: str, stages: list[str]) -> None:
    settings: dict[str, Any] = growing.settings()
    artefacts = pivotrl("none", start, until, settings)
    assert [artefact.stage for artefact in artefacts] == stages
    assert all(artefact.cached for artefact in artefacts) or not start
