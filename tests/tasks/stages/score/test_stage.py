"""The stage part by part: stopped and resumed, and with a judge that fails, or whose budget is spent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from schemas.config import RolloutConfig
from tasks.artefact.stage import obtain
from tasks.artefact.writer import PartRecord, Writer
from tasks.errors import NotInStore, StageFailed
from tasks.stages.score.stage import STAGE, inputs, require_one_policy
from tasks.store.manifest import Manifest, Ref
from tasks.store.objects import Objects
from tasks.store.store import Store
from tasks.verifiers.kinds import CascadeSettings, ExactSettings, JudgeSettings, ToolCallSettings
from tasks.verifiers.section import ScoreConfig
from tests.tasks.stages.score.scored import RIGHT, WRONG, Run
from tests.tasks.verifiers.judge_server import NO, YES, Server, serving

CONFIG = ScoreConfig(verifier=ToolCallSettings())


def stopped(run: Run, lost: int | None = None) -> list[PartRecord]:
    """The parts' records of a run that was stopped before its commit; the file of part `lost` is then gone."""
    records: list[PartRecord] = []

    def produce(writer: Writer) -> None:
        run.write(writer, CONFIG)
        records.extend(writer.records())
        for part in records[lost].parts if lost is not None else ():
            writer.store.objects.remove(f"scores/{writer.ref.version}/{part.key}")
        raise StageFailed("stopped")

    with pytest.raises(StageFailed, match="stopped"):
        obtain(STAGE, CONFIG, run.inputs(CONFIG), run.store, produce)
    return records


@pytest.mark.parametrize("lost", [0, 2])
def test_a_part_that_is_done_again_counts_once(store: Store, lost: int) -> None:
    run = Run(store, RIGHT, parts=3)
    stopped(run, lost)
    scores = run.score(CONFIG)
    assert (store.manifest(scores.ref).summary["undecided"]["asked"], scores.rows) == (15, 15)


def test_thoughts_that_were_too_long_are_a_reason_of_their_own_where_they_were_limited(store: Store) -> None:
    details = {}
    for limit in (0, 20):
        settings = RolloutConfig(max_thinking_tokens=limit)
        run = Run(store, "<think>Hm.", "<think>Hm.</think>It", finished=False, settings=settings)
        scores = run.score(CONFIG)
        rows = store.read(scores.ref)
        assert set(rows["reward"]) == {0.0} and set(rows["action"]) == {""}
        details[limit] = scores.reasons, rows["detail"].unique().sort().to_list()
    truncated = [f"truncated: stopped at the length limit after {length} characters" for length in (10, 20)]
    assert details == {
        0: ({"verdict:parse_failure": 20}, truncated),
        20: (
            {"verdict:overlong_reasoning": 10, "verdict:parse_failure": 10},
            ["no answer after 10 characters of reasoning", truncated[1]],
        ),
    }


@pytest.mark.slow
def test_a_part_more_costs_the_store_as_much_as_the_one_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    get = Objects.get

    def counting(objects: Objects, key: str) -> bytes:
        asked["get"] += 1
        return get(objects, key)

    reads = []
    for parts in (2, 5, 8):
        run = Run(store, RIGHT, WRONG, parts=parts)
        monkeypatch.setattr(Objects, "get", counting)
        asked.clear()
        run.score(CONFIG)
        reads.append(asked["get"])
        monkeypatch.setattr(Objects, "get", get)
    assert reads[2] - reads[1] == reads[1] - reads[0] > 0


OTHER = RIGHT.replace("17", "19")
QUESTIONS = 6
"""A part's: three states with a call, and two samples that exact does not take."""


def says_which(body: dict[str, Any]) -> str:
    return YES if "18" in body["messages"][1]["content"] else NO


@pytest.fixture
def judge() -> Iterator[Server]:
    with serving() as server:
        server.otherwise = says_which
        yield server


def config(judge: Server, max_undecided: float = 0.0, **settings: Any) -> ScoreConfig:
    asking = JudgeSettings(url=judge.url, model="m", **{"votes": 1, "retries": 0, "concurrency": 1, **settings})
    return ScoreConfig(verifier=CascadeSettings(verifiers=(ExactSettings(), asking)), max_undecided=max_undecided)


def test_a_judge_that_is_down_fails_the_stage_at_the_first_part_and_nothing_is_kept_for_good(
    store: Store, judge: Server
) -> None:
    judge.otherwise = lambda _: 500
    run = Run(store, RIGHT, WRONG, OTHER, parts=4)
    with pytest.raises(
        StageFailed, match=r"6 of 60 samples are undecided.*max_undecided.*6 times judge: HTTP 500"
    ) as e:
        run.score(config(judge))
    assert "The last: judge: HTTP 500; no answer to vote 1" in str(e.value)
    assert len(judge.asked) == QUESTIONS
    with pytest.raises(NotInStore):
        store.resolve("scores")


def test_a_run_with_a_larger_budget_asks_about_the_rest_only(store: Store, judge: Server, tmp_path: Path) -> None:
    run = Run(store, RIGHT, WRONG, OTHER)
    with pytest.raises(StageFailed, match=r"4 of 30 samples .*its budget of 8 requests is spent \(max_requests\)"):
        run.score(config(judge, max_requests=8))
    scores = run.score(config(judge, max_requests=20))
    questions = [request["messages"][1]["content"] for request in judge.asked]
    assert len(questions) == len(set(questions)) == 2 * QUESTIONS
    clean = Run(Store(str(tmp_path / "clean")), RIGHT, WRONG, OTHER)
    assert store.read(scores.ref).equals(clean.store.read(clean.score(config(judge)).ref))
    assert scores.reasons == {
        "verdict:equal": 6,
        "verdict:equivalent": 6,
        "verdict:refused": 6,
        "verdict:wrong_kind": 12,
    }


def test_what_is_within_the_bound_is_said_and_its_states_have_no_profile(store: Store, judge: Server) -> None:
    judge.otherwise = lambda body: 503 if "customer 0" in body["messages"][1]["content"] else says_which(body)
    run = Run(store, RIGHT, WRONG, OTHER)
    with pytest.raises(StageFailed, match="2 of 30 samples"):
        run.score(config(judge, max_undecided=0.06))
    scores = run.score(config(judge, max_undecided=0.07))
    undecided = store.manifest(scores.ref).summary["undecided"]
    assert (undecided["asked"], undecided["undecided"], undecided["causes"]) == (30, 2, {"judge: HTTP 503": 2})
    profiles = run.profile(scores)
    assert (profiles.rows, profiles.reasons) == (9, {"undecided": 1})
    assert set(store.read(profiles.ref)["n"]) == {3}, "no profile is of fewer samples than were drawn"
    assert run.score(config(judge, max_undecided=0.07)).cached


def test_requests_side_by_side_give_what_they_give_one_by_one(store: Store, judge: Server, tmp_path: Path) -> None:
    serial = Run(Store(str(tmp_path / "serial")), RIGHT, WRONG, OTHER)
    expected = serial.store.read(serial.score(config(judge)).ref)
    three = threading.Barrier(3)

    def when_three_ask(body: dict[str, Any]) -> str:
        three.wait(timeout=20)
        return says_which(body)

    judge.otherwise = when_three_ask
    run = Run(store, RIGHT, WRONG, OTHER)
    assert store.read(run.score(config(judge, concurrency=3)).ref).equals(expected)


def test_the_inputs_name_the_verifiers_code_and_leave_its_settings_to_the_configuration() -> None:
    names = {"rollouts": "aa", "checks": "cc", "states": "bb"}
    refs = [Ref(stage=stage, version=version) for stage, version in names.items()]
    exact = inputs(*refs, ScoreConfig(verifier=ExactSettings()))
    assert exact["rollouts"] == "rollouts@aa" and exact["states"] == "states@bb"
    assert set(exact) == {"rollouts", "checks", "states", "verifier", "parser"}
    other_bound = inputs(*refs, ScoreConfig(verifier=ExactSettings(), min_gold_rate=0.5))
    assert exact == other_bound
    nested = inputs(*refs, ScoreConfig(verifier=CascadeSettings(verifiers=(ExactSettings(), ToolCallSettings()))))
    assert exact["verifier"] in nested["verifier"] != exact["verifier"]


@pytest.mark.parametrize(
    ("sampled", "fits"),
    [
        ({"policy": "aa"}, True),
        ({"policy": "policies@bb"}, True),
        ({"policy": "cc"}, False),
        ({"policy": "aa", "model_options": '{"thinking": true}'}, False),
    ],
)
def test_rollouts_of_another_policy_than_the_checks_are_refused(sampled: dict[str, str], fits: bool) -> None:
    about = {"version": "1", "stage_version": 1, "config": {}, "parts": ()}
    rollouts = Manifest(stage="rollouts", inputs=sampled, **about)
    checks = Manifest(stage="checks", inputs={"policy": "aa"}, **about)
    with nullcontext() if fits else pytest.raises(StageFailed, match="name the model of the rollouts"):
        require_one_policy(rollouts, checks)
