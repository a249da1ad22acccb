import pytest

from flows.settings.pipeline import PipelineConfig
from schemas.config import GateConfig, IngestConfig
from schemas.training import TrainConfig
from tasks.artefact.fingerprint import canonical
from tasks.artefact.stage import Artefact
from tasks.errors import NotInStore
from tasks.policy.files import Policy, stored_policy
from tasks.stages.promote.arrivals import arrivals, recipe, training_data
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import promote
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory

BASE = Policy(location="desk", version="base")
GATE = GateConfig()
RECIPE = "recipe"


def data(store: Store, *numbers: int) -> Artefact:
    return commit_trajectories(store, [[trajectory(number)] for number in numbers])


def commit(store: Store, stage: str, number: int, inputs: dict[str, str], **fields: object) -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    manifest = {"stage": stage, "version": ref.version, "stage_version": 1, "config": {}, "parts": (), **fields}
    store.commit(Manifest.model_validate({**manifest, "inputs": inputs}))
    return ref


def policy(store: Store, number: int, trajectories: Artefact) -> Ref:
    states = commit_states(store, trajectories)
    return commit(store, "policies", number, {"states": str(states.ref), "pivots": "pivots@cleared-away"})


def decide(store: Store, number: int, candidate: Ref, trajectories: Artefact, passes: bool, base: Policy = BASE):
    inputs = {"policies": str(candidate), "policy": base.version, "trajectories": str(trajectories.ref)}
    summary = {"passes": passes, "sentence": "too little"}
    commit(store, "decisions", number, {**inputs, "recipe": RECIPE}, config=canonical(GATE), summary=summary)


def look(store: Store, trajectories: Artefact, recipe: str = RECIPE, base: Policy = BASE, gate: GateConfig = GATE):
    return arrivals(store, trajectories.ref, recipe, base, gate)


def test_everything_is_new_before_the_first_promotion(store: Store) -> None:
    new = look(store, data(store, 1, 2))
    assert (new.new, new.known, new.gone, new.stop_reason) == (2, 0, 0, "")


def test_new_is_told_by_content(store: Store) -> None:
    old = data(store, 1, 2, 3)
    promote(store, one := policy(store, 9, old))
    new = look(store, data(store, 4, 3, 2))
    assert (new.new, new.known, new.gone, new.stop_reason) == (1, 2, 1, "")
    assert new.text == "1 new trajectories, 2 known, 1 that the promoted policy saw are gone from the source"
    again = look(store, data(store, 3, 2))
    assert again.new == 0 and again.stop_reason == f"no trajectory arrived since {one} was trained, on 3"


def test_the_same_data_are_not_trained_on_again_after_a_rejection(store: Store) -> None:
    decide(store, 1, policy(store, 9, data(store, 1, 2)), data(store, 1, 2), passes=False)
    assert "was rejected: too little" in look(store, data(store, 2, 1)).stop_reason, (
        "other parts, the same trajectories"
    )
    for changed in (
        look(store, data(store, 1, 3)),
        look(store, data(store, 1)),  # a person took out what spoiled the candidate
        look(store, data(store, 1, 2), recipe="another"),
        look(store, data(store, 1, 2), base=Policy(location="x", version="another")),
        look(store, data(store, 1, 2), gate=GateConfig(min_gain=0.5)),
    ):
        assert changed.stop_reason == ""


def test_a_run_that_was_killed_before_the_tag_moved_goes_on(store: Store) -> None:
    decide(store, 1, policy(store, 9, data(store, 1, 2)), data(store, 1, 2), passes=True)
    assert look(store, data(store, 1, 2)).stop_reason == ""


def test_what_was_in_use_before_does_not_come_back_by_itself(store: Store) -> None:
    promote(store, one := policy(store, 8, data(store, 1)))
    promote(store, two := policy(store, 9, data(store, 1, 2)))
    decide(store, 1, two, data(store, 1, 2), passes=True, base=stored_policy(one))
    promote(store, one)
    assert f"{two}, trained on these trajectories, was in use before" in look(store, data(store, 1, 2)).stop_reason
    assert look(store, data(store, 1, 2, 3)).stop_reason == ""


@pytest.mark.parametrize("stage_version", [2, 3])
def test_a_decision_from_before_base_was_the_word_is_understood(store: Store, stage_version: int) -> None:
    """Version 2 has `baseline` where version 3 has `base`; neither is read here."""
    candidate, word = policy(store, 9, seen := data(store, 1, 2)), {2: "baseline", 3: "base"}[stage_version]
    inputs = {"policies": str(candidate), "policy": BASE.version, "trajectories": str(seen.ref), "recipe": RECIPE}
    summary = {"passes": False, "candidate": str(candidate), word: BASE.version, "sentence": "too little"}
    fields = {"config": canonical(GATE), "summary": summary, "stage_version": stage_version}
    commit(store, "decisions", 1, {**inputs, f"{word}_evaluations": "evaluations@b"}, **fields)
    assert f"{candidate} was rejected: too little" in look(store, data(store, 2, 1)).stop_reason
    promote(store, candidate)
    promote(store, policy(store, 8, data(store, 3)))
    assert f"`pivotrl promote {candidate}` puts it back" in look(store, data(store, 1, 2)).stop_reason


def test_a_decision_of_the_first_version_holds_nothing_up(store: Store) -> None:
    candidate = policy(store, 9, seen := data(store, 1, 2))
    inputs = {"policies": str(candidate), "policy": BASE.version, "trajectories": str(seen.ref), "recipe": RECIPE}
    commit(store, "decisions", 1, inputs, config=canonical(GATE), summary={"promoted": False, "sentence": ""})
    assert look(store, data(store, 2, 1)).stop_reason == ""


def test_a_rejection_whose_data_are_gone_holds_nothing_up(store: Store) -> None:
    seen = data(store, 1, 2)
    decide(store, 1, policy(store, 9, seen), seen, passes=False)
    store.objects.remove(f"trajectories/{seen.version}")
    assert look(store, data(store, 2, 1)).stop_reason == ""


@pytest.mark.parametrize("lost", ["states", "trajectories"])
def test_a_promoted_policy_without_its_data_is_an_error_that_says_what_to_do(store: Store, lost: str) -> None:
    promote(store, one := policy(store, 9, data(store, 1)))
    (version,) = store.objects.names(lost)
    store.objects.remove(f"{lost}/{version}")
    with pytest.raises(NotInStore, match=f"new since {one} cannot be told, because {lost}@{version} is gone.*promote"):
        look(store, data(store, 2))


def test_a_policy_that_was_not_made_from_trajectories_is_an_error(store: Store) -> None:
    with pytest.raises(NotInStore, match="its manifest names no states"):
        training_data(store, commit(store, "policies", 1, {}))


def test_the_recipe_is_all_but_the_data_and_how_fast(store: Store) -> None:
    config = PipelineConfig(model="desk", ingest=IngestConfig(source="a"))
    same = config.model_copy(update={"ingest": IngestConfig(source="b"), "store": "elsewhere", "model": "./copy"})
    assert recipe(config, 0, BASE) == recipe(same, 0, BASE)
    others = [{"train": TrainConfig(steps=9)}, {"rounds": 2}]
    recipes = {recipe(config.model_copy(update=other), 0, BASE) for other in others}
    recipes |= {
        recipe(config, 0, BASE),
        recipe(config, 1, BASE),
        recipe(config, 0, Policy(location="desk", version="another")),
    }
    assert len(recipes) == 5
