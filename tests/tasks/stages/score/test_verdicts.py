from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from schemas.chat import Action, Role, message
from tasks.policy.parsing import parser_for
from tasks.stages.score.verdicts import score_part
from tasks.states.reader import StateReader
from tasks.store.store import Store
from tasks.verifiers.build import build
from tasks.verifiers.kinds import ExactSettings, PythonSettings, ToolCallSettings, ToolNameSettings, VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Reason, Verdict
from tests.builders import call, commit_states, commit_trajectories, trajectory
from tests.tasks.stages.score.scored import RIGHT, WRONG, Run, rollouts_of


def config(verifier: VerifierSettings | None = None, **settings: Any) -> ScoreConfig:
    return ScoreConfig(verifier=verifier or ToolCallSettings(), **settings)


def test_verdicts_and_actions(store: Store) -> None:
    run = Run(store, RIGHT, WRONG, RIGHT[:-5])
    scores = store.read(run.score(config()).ref).filter(pl.col("turn_index") == 0)
    assert scores["reward"].to_list() == [1.0, 0.0, 0.0] * 4
    assert set(scores["reason"]) == {"equal", "wrong_argument", "parse_failure"}
    assert scores.filter(pl.col("reason") == "parse_failure")["action"].to_list() == [""] * 4
    assert json.loads(scores["action"][0]) == {
        "content": "",
        "calls": [{"name": "get_order", "arguments": '{"order_id": 17}'}],
    }


def test_identical_completions_of_a_state_are_verified_once(store: Store) -> None:
    run = Run(store, RIGHT)
    states = StateReader(store, run.states.ref, run.trajectories.ref).part(0)[:1]
    asked: list[object] = []

    def verify(_: object, __: Action, completion: object) -> Verdict:
        asked.append(completion)
        return Verdict(1.0, Reason.EQUAL)

    scores = score_part(states, rollouts_of(states, RIGHT, WRONG, RIGHT, RIGHT), verify, parser_for("hermes"))
    assert len(asked) == 2 and scores.height == 4


def test_another_verifier_scores_the_stored_rollouts_again(store: Store) -> None:
    run = Run(store, RIGHT, WRONG)
    strict, coarse = run.score(config(ExactSettings())), run.score(config(ToolNameSettings()))
    assert strict.ref != coarse.ref and run.sampled == 2 * 2 * 5
    calling = pl.col("turn_index") == 0
    assert store.read(strict.ref).filter(calling)["reward"].mean() == 0.5
    assert store.read(coarse.ref).filter(calling)["reward"].mean() == 1.0
    assert run.score(config(ExactSettings())).cached


def test_a_state_with_undecided_samples_has_no_profile_and_the_manifest_says_so(store: Store) -> None:
    run = Run(store, RIGHT, WRONG)
    raises = PythonSettings(function="tests.tasks.verifiers.users_functions:raises")
    scores = run.score(config(raises, max_undecided=1))
    assert store.read(scores.ref)["reward"].null_count() == 6, (
        "neither an own text nor a call at a message's state needs it"
    )
    profiles = run.profile(scores)
    assert profiles.reasons == {"undecided": 6} and store.read(profiles.ref)["n"].to_list() == [2] * 4


def test_a_sample_that_is_the_demonstrations_own_text_is_right_whatever_the_verifier_says(store: Store) -> None:
    run = Run(store, RIGHT, f"{RIGHT} ", WRONG)
    half = PythonSettings(function="tests.tasks.verifiers.users_functions:half")
    scores = store.read(run.score(config(half, min_gold_rate=0, max_junk_rate=1)).ref).filter(pl.col("turn_index") == 0)
    assert scores["reward"].to_list() == [1.0, 0.5, 0.5] * 4


def test_reasoning_that_the_prompt_has_opened_must_end(store: Store) -> None:
    run = Run(store, RIGHT)
    states = StateReader(store, run.states.ref, run.trajectories.ref).part(0)[:1]
    thinking = [replace(state, prefill="<think>\n") for state in states]
    texts = f"I should call it. {RIGHT}", f"I should call it.</think>{RIGHT}"
    scores = score_part(thinking, rollouts_of(states, *texts), build(ToolCallSettings()), parser_for("hermes"))
    assert scores["reward"].to_list() == [0.0, 1.0] and "unclosed_reasoning" in scores["detail"][0]


@pytest.mark.parametrize(
    "text", ["", "\0", "x" * 1_000_000, RIGHT * 500, RIGHT.replace("17", "NaN"), "<think>", "\ufffd"]
)
def test_no_completion_stops_the_stage(store: Store, text: str) -> None:
    run = Run(store, text, parts=1)
    assert run.score(config()).rows == 5


def test_a_demonstration_that_does_not_parse_is_scored(store: Store) -> None:
    broken = [
        message(Role.USER, "Where?"),
        message(Role.ASSISTANT, tool_calls=[call('{"order_id": ')]),
        message(Role.TOOL, "error", tool_call_id="c1"),
        message(Role.ASSISTANT, "I cannot say."),
    ]
    trajectories = commit_trajectories(store, [[trajectory(0, broken)]])
    states = commit_states(store, trajectories)
    part = StateReader(store, states.ref, trajectories.ref).part(0)
    scores = score_part(part, rollouts_of(part, RIGHT), build(ToolCallSettings()), parser_for("hermes"))
    assert scores["reason"].to_list() == ["bad_demonstration", "wrong_kind"]
