"""A judge that fails, or whose budget is spent, in a cascade whose cheap part decides what is plainly right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import NotInStore, StageFailed
from tasks.stages.score import verdicts
from tasks.stages.score.undecided import count_undecided, require_decided
from tasks.store.store import Store
from tasks.verifiers.kinds import CascadeSettings, ExactSettings, JudgeSettings, PythonSettings
from tasks.verifiers.section import ScoreConfig
from tests.tasks.stages.score.scored import RIGHT, WRONG, Run
from tests.tasks.verifiers.judge_server import NO, YES, Server, serving

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


def test_a_run_with_a_larger_budget_asks_about_the_rest_only(
    store: Store, judge: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(store, RIGHT, WRONG, OTHER)
    with pytest.raises(StageFailed, match=r"4 of 30 samples .*its budget of 8 requests is spent \(max_requests\)"):
        run.score(config(judge, max_requests=8))
    with monkeypatch.context() as patched:
        patched.setattr(verdicts, "self_check", lambda *_: pytest.fail("checked again"))
        scores = run.score(config(judge, max_requests=20))
    questions = [request["messages"][1]["content"] for request in judge.asked]
    assert len(questions) == len(set(questions)) == 2 * QUESTIONS
    clean = Run(Store(str(tmp_path / "clean")), RIGHT, WRONG, OTHER)
    assert store.read(scores.ref).equals(clean.store.read(clean.score(config(judge)).ref))
    assert run.summary(scores) == clean.summary(clean.score(config(judge)))
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


def test_demonstrations_that_are_undecided_fail_the_stage_too(store: Store) -> None:
    run = Run(store, RIGHT[:-5])
    raises = PythonSettings(function="tests.tasks.verifiers.users_functions:raises")
    with pytest.raises(StageFailed, match=r"of \d+ demonstrations and controls are undecided.*no such service"):
        run.score(ScoreConfig(verifier=raises))


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


def test_counts_add_up_with_their_most_frequent_causes() -> None:
    details = [f"judge: cause {i}; vote {n}" for i in range(7) for n in range(i + 1)]
    count = count_undecided(100, details)
    assert (count.asked, count.undecided, count.last) == (100, 28, "judge: cause 6; vote 6")
    assert count.causes == {f"judge: cause {i}": i + 1 for i in range(2, 7)}
    both = count.plus(count_undecided(50, []))
    assert (both.asked, both.undecided, both.last, both.causes) == (150, 28, count.last, count.causes)


def test_the_bound_is_of_all_verdicts_that_there_will_be() -> None:
    config = ScoreConfig(max_undecided=0.1)
    require_decided(count_undecided(20, ["down"] * 10), 100, "samples", config)
    with pytest.raises(StageFailed, match=r"11 of 100 samples are undecided, after 20 .*11 times down"):
        require_decided(count_undecided(20, ["down"] * 11), 100, "samples", config)
