import math

import pytest

from schemas.chat import Action, State
from schemas.config import EvaluateConfig
from schemas.evaluations import EVALUATIONS, Scope, Suite
from tasks.artefact.table import frame, validate
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.stages.evaluate import measuring
from tasks.verifiers.verdict import Reason, Verdict
from tests.tasks.stages.evaluate.acting import actor, alone, asked, echoes, states


def test_a_verifier_that_decides_nothing_is_said_so(chat: ChatFormat) -> None:
    def fails(state: State, demonstration: Action, completion) -> Verdict:
        return Verdict(None, Reason.UNDECIDED)

    config = EvaluateConfig(samples=1, worlds=(), skills=())
    with pytest.raises(StageFailed, match=r"states desk: the verifier decided no held-out state.*score\.verifier\.url"):
        list(measuring.measure(actor(chat, lambda prompt, i: "yes"), config, states("a"), fails, lambda what: None))


def test_cases_of_one_task_count_as_one_for_the_standard_error() -> None:
    once = alone([1.0, 0.0, 1.0, 1.0, 0.0])
    assert measuring.standard_error(once * 4) == pytest.approx(measuring.standard_error(once))


def test_one_task_alone_is_as_uncertain_as_a_rate_can_be() -> None:
    for cases in (alone([1.0]), alone([0.0]) * 3):
        assert measuring.standard_error(cases) == 0.5


def test_the_standard_error_is_over_cases() -> None:
    row = measuring.summary(Suite.STATES, "desk", Scope.IN_DOMAIN, 1.0, alone([1.0, 0.0, 0.5, 0.5]))
    assert (row["value"], row["n"]) == (0.5, 4)
    assert row["standard_error"] == pytest.approx(math.sqrt((0.25 + 0.25) / 3) / 2)
    assert measuring.summary(Suite.STATES, "desk", Scope.IN_DOMAIN, 1.0, alone([1.0] * 9))["standard_error"] == 0


def test_every_suite_is_measured_greedy_and_sampled(chat: ChatFormat) -> None:
    config = EvaluateConfig(
        samples=3, worlds=("desk",), ood_worlds=("library",), episodes=2, max_turns=2, skills=("addition",), items=2
    )
    held_out = [*states("a", "b"), *states("c", domain="other")]
    heard: list[str] = []
    acting = actor(chat, lambda prompt, _: asked(prompt))
    rows = list(measuring.measure(acting, config, held_out, echoes, heard.append))
    validate(EVALUATIONS, frame(EVALUATIONS, [{"policy": "p", **row} for row in rows]), "test")
    measured = [(row["suite"], row["domain"], row["scope"]) for row in rows if row["temperature"] == 0]
    assert measured == [
        ("states", "desk", "in_domain"),
        ("states", "other", "in_domain"),
        ("episodes", "desk", "in_domain"),
        ("episodes", "library", "ood"),
        ("skill", "addition", "ood"),
    ]
    assert measured == [(r["suite"], r["domain"], r["scope"]) for r in rows if r["temperature"] == 1]
    assert len(heard) == len(rows) == 10
    counts = {(sampling.temperature, sampling.n) for _, sampling in acting.sampler.asked}
    assert counts == {(0.0, 1), (1.0, 3), (1.0, 1)}
    assert {row["value"] for row in rows if row["suite"] == "states"} == {1.0}


def test_the_same_tasks_for_every_policy(chat: ChatFormat) -> None:
    config = EvaluateConfig(worlds=("desk",), episodes=2, max_turns=1, skills=("addition",), items=2)
    one, two = (actor(chat, lambda *_, word=word: word) for word in ("x", "y"))
    for acting in (one, two):
        list(measuring.measure(acting, config, [], echoes, lambda _: None))
    assert [prompts for prompts, _ in one.sampler.asked] == [prompts for prompts, _ in two.sampler.asked]
