from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError
from tasks.verifiers.build import build
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.kinds import JudgeSettings, judge
from tasks.verifiers.kinds.judge import prompt as judge_prompt
from tasks.verifiers.kinds.judge.endpoint import Endpoint
from tests.tasks.verifiers.asking import at, says
from tests.tasks.verifiers.judge_server import NO, YES, Server, ask


def test_the_key_comes_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    ask(server, [NO], api_key_variable="JUDGE_KEY")
    ask(server, [NO], api_key_variable="NO_SUCH_VARIABLE")
    assert [request["key"] for request in server.asked] == ["Bearer secret", None]


def test_a_passing_fault_is_tried_again(server: Server) -> None:
    verdict, endpoint = ask(server, [429, YES, b"", YES])
    assert verdict.reward == 1.0
    assert endpoint.ledger.cost().requests == 4


def test_the_budget_counts_failures(server: Server) -> None:
    verdict, _ = ask(server, [500, 500, YES, YES], retries=5, max_requests=2)
    assert verdict.reward is None and len(server.asked) == 2


def test_answers_are_kept_between_runs_and_keyed_by_the_prompts_version(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = str(tmp_path / "judge.sqlite")
    assert ask(server, [YES, YES], ledger=ledger)[0].reward == 1.0
    assert ask(server, [], ledger=ledger)[0].reward == 1.0 and len(server.asked) == 2
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (2,)
    monkeypatch.setattr(judge_prompt, "VERSION", judge_prompt.VERSION + 1)
    assert ask(server, [NO], ledger=ledger)[0].reward == 0.0


def test_settings_that_cannot_be_used() -> None:
    with pytest.raises(ConfigurationError, match="ledger"):
        build(JudgeSettings(url="http://x/v1", model="m", ledger="/nowhere/at/all.sqlite"))


@pytest.mark.parametrize(
    ("replies", "settings", "why"),
    [
        ([503, 503], {"retries": 1}, "HTTP 503"),
        ([401], {}, "HTTP 401"),
        (["Well."], {"retries": 0}, "an answer without a verdict"),
        ([YES], {"max_requests": 1}, "its budget of 1 requests is spent (max_requests)"),
    ],
)
def test_why_there_is_no_answer_is_in_the_detail_and_is_logged_once(
    server: Server, caplog: pytest.LogCaptureFixture, replies: list[Any], settings: dict[str, Any], why: str
) -> None:
    server.replies = list(replies)
    judging = JudgeSettings(url=server.url, model="m", **settings)
    endpoint = Endpoint(judging, sleep=lambda _: None)
    verdict = judge.vote(endpoint, judging, at(), says("a"), says("b"))
    assert verdict.detail.startswith(f"judge: {why}; ")
    server.replies = list(replies) * 3
    judge.vote(endpoint, judging, at(), says("a"), says("c"))
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"verifier judge (m): {why}; what it should decide stays undecided"
    ]


def test_an_error_that_quotes_the_key_is_not_told(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret\n")
    verdict, _ = ask(server, [YES, YES])
    assert verdict.reward is None and "secret" not in verdict.detail


def test_threads_spend_no_more_than_the_budget(server: Server) -> None:
    server.otherwise = lambda _: YES
    verify = build(JudgeSettings(url=server.url, model="m", votes=1, max_requests=5))
    verdicts = in_order(lambda i: verify(at(), says("a"), says(f"b {i}")), range(20), 16)
    assert len(server.asked) == 5 == sum(verdict.reward == 1.0 for verdict in verdicts)


def test_threads_with_the_same_question_pay_once(server: Server) -> None:
    server.otherwise = lambda _: 0.05
    verify = build(JudgeSettings(url=server.url, model="m", votes=1))
    verdicts = in_order(lambda _: verify(at(), says("a"), says("b")), range(8), 8)
    assert len(server.asked) == 1 and {verdict.reward for verdict in verdicts} == {1.0}
