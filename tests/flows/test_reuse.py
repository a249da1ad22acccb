import pytest

from flows.reuse import check_until, given
from schemas.config import SplitConfig
from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory


def commit(store: Store, stage: str, number: int, **inputs: str) -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    store.commit(Manifest(stage=stage, version=ref.version, stage_version=1, config={}, inputs=inputs, parts=()))
    return ref


def test_an_artefact_brings_everything_that_it_was_made_from(store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0)]])
    states = commit_states(store, trajectories)
    commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    trained = commit(store, "policies", 9)
    rollouts = commit(store, "rollouts", 1, states=str(states.ref), policy=str(trained), seed="0")
    scores = commit(store, "scores", 2, rollouts=str(rollouts), states=str(states.ref), verifier="exact/1")
    found = given(store, str(scores))
    assert {stage: artefact.version for stage, artefact in found.items()} == {
        "trajectories": trajectories.version,
        "states": states.version,
        "rollouts": rollouts.version,
        "scores": scores.version,
    }, "and not the policy that it was sampled with: that is of the round before"
    assert all(artefact.cached for artefact in found.values())
    assert found.pop("scores") is not None
    assert found.pop("scores") is None, "a later round makes its own"
    assert found.pop("pivots") is None


@pytest.mark.parametrize("stage", ["evaluations", "decisions"])
def test_nothing_is_made_from_what_measures(store: Store, stage: str) -> None:
    measured = commit(store, stage, 1)
    with pytest.raises(ConfigurationError, match=f"start '{measured}': nothing is made from {stage}; .* trajectories,"):
        given(store, str(measured))


def test_a_run_does_not_begin_behind_its_end(store: Store) -> None:
    states = commit_states(store, commit_trajectories(store, [[trajectory(0)]]))
    pivots = commit(store, "pivots", 1, states=str(states.ref))
    store.tag(pivots, "good")
    with pytest.raises(ConfigurationError, match="start 'pivots@good' comes after until 'states'"):
        given(store, "pivots@good", "states")
    for until in ("pivots", "policies", "evaluations"):
        assert given(store, "pivots@good", until).keys() == {"trajectories", "states", "pivots"}


def test_nothing_to_start_from_is_nothing_given(store: Store) -> None:
    assert given(store, "") == {}


def test_profiles_without_rollouts_need_no_sampling(store: Store) -> None:
    states = commit_states(store, commit_trajectories(store, [[trajectory(0)]]))
    recorded = commit(store, "profiles", 1, states=str(states.ref), policy="recorded")
    found = given(store, str(recorded))
    assert found.profiled and not given(store, str(states.ref)).profiled
    found.pop("profiles")
    assert not found.profiled, "the second round samples"


def test_what_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="no stage 'pivot'"):
        given(store, "pivot@x")
    with pytest.raises(NotInStore, match="no version or tag 'x' of pivots"):
        given(store, "pivots@x")
    orphan = commit(store, "states", 3, trajectories="trajectories@gone")
    with pytest.raises(NotInStore, match="no trajectories@gone"):
        given(store, str(orphan))


@pytest.mark.parametrize(("until", "method"), [("pivot", "grpo"), ("pivots", "sft"), ("rollouts", "sft"), ("", "grpo")])
def test_an_end_that_never_comes_is_refused(until: str, method: str) -> None:
    with pytest.raises(ConfigurationError, match=f"until '{until}': with train.method={method} a run makes traj"):
        check_until(until, method)


@pytest.mark.parametrize(("until", "method"), [("pivots", "grpo"), ("evaluations", "sft"), ("states", "sft")])
def test_any_other_end_will_do(until: str, method: str) -> None:
    check_until(until, method)
