"""A decision as an artefact, and what follows from it."""

import re

import polars as pl
import pytest

from schemas.config import GateConfig
from schemas.decisions import DECISIONS
from schemas.evaluations import EVALUATIONS
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame, validate
from tasks.errors import StageFailed
from tasks.policy.files import Policy, stored_policy
from tasks.stages.promote.decision import display_name, put_into_use, write_decision
from tasks.stages.promote.stage import STAGE, inputs
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import policy_in_use
from tasks.store.store import Store
from tests.builders import NoSettings, commit_states, commit_trajectories, trajectory

BASE = Policy(location="desk", version="desk:old")


def evaluated(store: Store, policy: str, in_domain: float, ood: float) -> Artefact:
    measured = [("states", "de|sk", "in_domain", in_domain), ("skill", "addition", "ood", ood)]
    rows = [
        {"policy": policy, "suite": suite, "domain": domain, "scope": scope, "metric": "pass_rate", "value": value}
        | {"temperature": 0.0, "n": 100, "standard_error": 0.02}
        for suite, domain, scope, value in measured
    ]
    stage = Stage("evaluations", version=1, tables={"evaluations": EVALUATIONS})
    table = frame(EVALUATIONS, rows)
    inputs = {"policy": policy, "values": str(table.rows())}
    return obtain(stage, NoSettings(), inputs, store, lambda writer: writer.write(0, {"evaluations": table}))


def decision(store: Store, in_domain: float, ood: float, gate: GateConfig | None = None) -> Artefact:
    gate = gate or GateConfig()
    trajectories = commit_trajectories(store, [[trajectory(0)]])
    decision_inputs = inputs(
        recipe="r",
        trajectories=trajectories.ref,
        states=commit_states(store, trajectories).ref,
        base=BASE,
        candidate=Ref(stage="policies", version="new"),
        base_evaluations=evaluated(store, "desk:old", 0.8, 1.0).ref,
        candidate_evaluations=evaluated(store, "policies@new", in_domain, ood).ref,
    )
    name = display_name(BASE)
    return obtain(
        STAGE, gate, decision_inputs, store, lambda writer: write_decision(writer, store, gate, decision_inputs, name)
    )


@pytest.mark.parametrize(("in_domain", "ood", "holds"), [(0.9, 1.0, True), (0.9, 0.9, False), (0.81, 1.0, False)])
def test_the_decision_keeps_its_numbers(store: Store, in_domain: float, ood: float, holds: bool) -> None:
    artefact = decision(store, in_domain, ood)
    rows = store.read(artefact.ref)
    validate(DECISIONS, rows, "test")
    assert rows["suite"].to_list() == ["all", "all", "states", "skill"]
    assert rows.filter(suite="all")["holds"].all() is holds
    assert rows["difference"].to_list() == pytest.approx([in_domain - 0.8, ood - 1.0] * 2)
    summary = store.manifest(artefact.ref).summary
    assert summary["passes"] is holds
    word = "passes" if holds else "fails"
    start = f"policies@new {word} the gate against the model desk: in domain {in_domain - 0.8:+.3f} ±"
    assert summary["sentence"].startswith(start)
    checks = [in_domain > 0.85, ood == 1.0]
    assert re.findall(r"\(bound .*?\) (\w+)", summary["sentence"]) == ["holds" if one else "fails" for one in checks]
    assert summary["base"] == "desk:old", "by content"


def test_a_base_is_named_as_a_person_knows_it() -> None:
    assert display_name(BASE) == "the model desk"
    assert display_name(Policy(location="/home/me/models/mine", version="5814bd4c2731ab97")) == "the model mine"
    assert display_name(Policy(location="org/name@0123", version="org/name@0123")) == "the model org/name@0123"
    assert display_name(stored_policy(Ref(stage="policies", version="ab"))) == "policies@ab"


def test_another_gate_is_another_decision(store: Store) -> None:
    strict, loose = decision(store, 0.81, 1.0), decision(store, 0.81, 1.0, GateConfig(min_gain=0))
    assert strict.version != loose.version
    assert [store.manifest(made.ref).summary["passes"] for made in (strict, loose)] == [False, True]
    assert store.manifest(loose.ref).config == {"min_gain": 0.0, "max_ood_loss": 0.02}


def test_the_lineage_leads_to_the_data(store: Store) -> None:
    made = decision(store, 0.9, 1.0)
    manifest = store.manifest(made.ref)
    policy = manifest.inputs["policies"].removeprefix("policies@")
    store.commit(
        manifest.model_copy(update={"stage": "policies", "version": policy, "inputs": {}, "parts": (), "summary": {}})
    )
    assert {"decisions", "policies", "states", "trajectories", "evaluations"} == set(lineage(store, made.ref))


def test_a_candidate_replaces_only_what_it_was_held_against(store: Store) -> None:
    base, old, new, third = "desk:old", *(commit_policy(store, number) for number in (1, 2, 3))
    put_into_use(store, old, Policy(location="desk", version=base))
    put_into_use(store, new, stored_policy(old))
    put_into_use(store, new, stored_policy(old))  # a run that was killed after the tag moved
    with pytest.raises(StageFailed, match=f"{third} passes .* {old}, but {new} was promoted.*promote {third}"):
        put_into_use(store, third, stored_policy(old))
    assert policy_in_use(store) == new


def commit_policy(store: Store, number: int) -> Ref:
    ref = Ref(stage="policies", version=f"{number:016x}")
    store.commit(Manifest(stage="policies", version=ref.version, stage_version=1, config={}, inputs={}, parts=()))
    return ref


def test_it_loads_in_polars(store: Store) -> None:
    made = decision(store, 0.9, 1.0)
    assert pl.read_parquet(store.urls(made.ref)).height == made.rows == 4
