"""Retraining with a real engine and a real Prefect server: each test goes on where the one before it stopped."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from flows.retrain import RetrainResult, retrain
from schemas.config import GateConfig
from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Ref
from tasks.store.promotion import PROMOTED, policy_in_use, promote
from tests.flows.conftest import answer, pivotrl
from tests.flows.growing import CHEAP, GrowingData

pytestmark = [pytest.mark.engine, pytest.mark.server]
NEVER = GateConfig(min_gain=10)
ALWAYS = GateConfig(min_gain=-10, max_ood_loss=1)
SFT = {**CHEAP["train"], "method": "sft"}
"""What is retrained is the same to retraining; SFT needs no rollouts."""


def run(growing: GrowingData, gate: GateConfig, **changes: Any) -> RetrainResult:
    return retrain("none", gate=gate, config=growing.settings(train=SFT, **changes))


def events(growing: GrowingData, wanted: int) -> list[dict[str, Any]]:
    """The events on policies, oldest first, once there are so many: they arrive a moment later."""
    end = time.monotonic() + 60
    body = {"filter": {"event": {"prefix": ["pivotrl.policy."]}, "order": "ASC"}}
    while True:
        policy_events: list[dict[str, Any]] = growing.api("/events/filter", body)["events"]
        if len(policy_events) >= wanted or time.monotonic() > end:
            return policy_events
        time.sleep(0.5)


@pytest.fixture(scope="module")
def rejected(growing: GrowingData) -> RetrainResult:
    return run(growing, NEVER)


@pytest.fixture(scope="module")
def first(growing: GrowingData, rejected: RetrainResult) -> Ref:
    """The policy of the first promotion: the rejected one, by a gate that lets it pass."""
    result = run(growing, ALWAYS)
    assert result.outcome == "Promoted"
    assert all(artefact.cached for artefact in result.artefacts[:-1]), "another gate needs no other policy"
    return result.artefacts[-4].ref


@pytest.fixture(scope="module")
def second(growing: GrowingData, first: Ref) -> Ref:
    """The policy of the second promotion, on old data and new."""
    growing.add("tuesday.jsonl", 4, seed=2)
    result = run(growing, ALWAYS)
    assert result.outcome == "Promoted"
    return result.artefacts[-4].ref


def stages(result: RetrainResult) -> list[str]:
    return [artefact.stage for artefact in result.artefacts]


def test_a_rejected_candidate_is_kept_and_not_put_into_use(growing: GrowingData, rejected: RetrainResult) -> None:
    assert rejected.outcome == "Rejected"
    assert stages(rejected)[-4:] == ["policies", "evaluations", "evaluations", "decisions"]
    assert policy_in_use(growing.store) is None
    base, candidate = (growing.store.read(artefact.ref) for artefact in rejected.artefacts[-3:-1])
    assert set(base["policy"]) == {growing.store.manifest(rejected.artefacts[-1].ref).inputs["policy"]}
    assert set(candidate["policy"]) == {str(rejected.artefacts[-4].ref)}
    assert "fails the gate against" in rejected.sentence


def test_the_run_ends_in_a_state_of_that_name_with_a_card(growing: GrowingData, rejected: RetrainResult) -> None:
    runs = growing.api("/flow_runs/filter", {"flows": {"name": {"any_": ["retrain"]}}, "sort": "START_TIME_ASC"})
    assert (runs[0]["state_name"], runs[0]["state_type"]) == ("Rejected", "COMPLETED")
    assert runs[0]["state"]["message"] == rejected.sentence
    cards = growing.api("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [runs[0]["id"]]}}})
    card = next(card for card in cards if card["key"] == "decisions")
    assert "## Decision" in card["data"] and rejected.sentence in card["data"]


def test_the_same_data_do_not_train_a_rejected_recipe_again(growing: GrowingData, rejected: RetrainResult) -> None:
    again = run(growing, NEVER)
    assert again.outcome == "NoNewData" and stages(again) == ["trajectories"]
    assert "was rejected" in again.sentence


def test_the_first_promotion_moves_the_tag(growing: GrowingData, first: Ref, rejected: RetrainResult) -> None:
    assert growing.store.resolve(f"policies@{PROMOTED}-1") == first == rejected.artefacts[-4].ref


def test_without_new_data_a_run_ends_at_once(growing: GrowingData, first: Ref) -> None:
    (growing.source / "monday.jsonl").touch()
    (growing.source / "monday.jsonl").rename(growing.source / "renamed.jsonl")
    again = run(growing, ALWAYS)
    (growing.source / "renamed.jsonl").rename(growing.source / "monday.jsonl")
    assert again.outcome == "NoNewData" and stages(again) == ["trajectories"]
    assert again.sentence == f"no trajectory arrived since {first} was trained, on 16"


def test_new_data_are_trained_on_with_the_old_and_judged_against_the_policy_in_use(
    growing: GrowingData, first: Ref, second: Ref
) -> None:
    assert second != first and policy_in_use(growing.store) == second
    decision = growing.store.manifest(growing.store.resolve("decisions"))
    assert decision.inputs["policy"] == str(first)
    trajectories = growing.store.manifest(Ref.parse(decision.inputs["trajectories"]))
    assert trajectories.rows == 20
    evaluations = [growing.store.manifest(Ref.parse(decision.inputs[f"{of}evaluations"])) for of in ("", "base_")]
    assert evaluations[0].inputs | {"policy": ""} == evaluations[1].inputs | {"policy": ""}, "not the same states"


def test_what_is_held_out_stays_held_out(growing: GrowingData, second: Ref) -> None:
    manifests = list(growing.store.artefacts("states"))
    old, new = (growing.store.read(m.ref).select("trajectory_id", "turn_index", "split") for m in manifests[:2])
    assert new.height > old.height
    assert old.join(new, on=["trajectory_id", "turn_index"], suffix="_new").filter(split="validation").height > 0
    both = old.join(new, on=["trajectory_id", "turn_index"], suffix="_new")
    assert both.height == old.height and (both["split"] == both["split_new"]).all()


def test_a_run_that_was_killed_before_the_tag_moved_moves_it(growing: GrowingData, first: Ref, second: Ref) -> None:
    # As SIGKILL leaves it between the decision's commit and the tag.
    growing.store.tag(first, PROMOTED)
    growing.store.objects.remove(f"_tags/policies/{PROMOTED}-2.json")
    again = run(growing, ALWAYS)
    assert again.outcome == "Promoted" and all(artefact.cached for artefact in again.artefacts)
    assert policy_in_use(growing.store) == second


def test_roll_back_holds_until_there_are_new_data(growing: GrowingData, first: Ref, second: Ref) -> None:
    # In a process of its own, as the command: its event must be out before it ends.
    environment = {**os.environ, "PREFECT_API_URL": growing.api_url}
    done = pivotrl(environment, "promote", f"policies@{PROMOTED}-1", "--store", growing.store.root, "--json")
    assert answer(done)["before"] == str(second)
    again = run(growing, ALWAYS)
    assert again.outcome == "NoNewData" and "was in use before" in again.sentence
    assert policy_in_use(growing.store) == first
    by_hand = [event for event in events(growing, wanted=5) if event["payload"].get("by") == "hand"]
    assert [event["payload"]["candidate"] for event in by_hand] == [str(first)]
    promote(growing.store, second)


def test_automations_hear_of_every_decision(growing: GrowingData, first: Ref, second: Ref) -> None:
    heard = events(growing, wanted=3)
    assert [event["event"].rpartition(".")[2] for event in heard[:3]] == ["rejected", "promoted", "promoted"]
    assert heard[2]["resource"]["prefect.resource.id"] == f"pivotrl.policies.{second.version}"
    assert heard[2]["payload"]["base"] == str(first)
    assert "in domain" in heard[2]["payload"]["sentence"]


def test_a_run_may_start_from_the_policy_in_use(growing: GrowingData, second: Ref) -> None:
    assert run(growing, ALWAYS, model=f"policies@{PROMOTED}").outcome == "NoNewData"


def test_the_source_may_be_said_by_an_event(growing: GrowingData, second: Ref) -> None:
    settings = {key: value for key, value in growing.settings(train=SFT).items() if key != "ingest"}
    assert retrain("desk", str(growing.source), ALWAYS, settings).outcome == "NoNewData"


def test_mistakes_end_the_run_in_its_first_second(growing: GrowingData, second: Ref) -> None:
    with pytest.raises(ConfigurationError, match="evaluate names neither skills nor ood_worlds"):
        run(growing, NEVER, evaluate={})
    with pytest.raises(ConfigurationError, match="the gate compares in domain"):
        run(growing, NEVER, split={"validation_fraction": 0})
    with pytest.raises(ConfigurationError, match="ingest: holds settings of its own"):
        retrain("none", str(growing.source), NEVER, {"ingest": "text"})
    with pytest.raises(ConfigurationError, match="holds a credential") as caught:
        retrain("none", "s3://name:5ecret@host/data", NEVER, {"ingest": None})
    assert "5ecret" not in str(caught.value)
    with pytest.raises(NotInStore, match="no version or tag 'lost'"):
        run(growing, NEVER, model="policies@lost")


def test_data_that_are_gone_are_an_error_that_says_what_to_do(growing: GrowingData, second: Ref) -> None:
    trajectories = [m.version for m in growing.store.artefacts("trajectories") if m.rows == 20]
    for version in trajectories:
        growing.store.objects.remove(f"trajectories/{version}")
    growing.add("wednesday.jsonl", 1, seed=3)
    with pytest.raises(NotInStore, match=f"what is new since {second} cannot be told"):
        run(growing, ALWAYS)
