from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.chat import Role, ToolCall
from tasks.errors import InputError
from tasks.policy.parsing import parser_for
from tasks.verifiers.build import build
from tasks.verifiers.cases import verdicts
from tasks.verifiers.kinds import ExactSettings, WorldStateSettings
from tasks.verifiers.verdict import Reason, Verdict
from tasks.worlds.world import load

DESK = load("desk")
HERMES = parser_for("hermes")
SAID = {"type": "message", "content": "Which order?"}


def written(call: ToolCall) -> dict[str, str]:
    return {"type": "function_call", "name": call["name"], "arguments": call["arguments"]}


def world_cases() -> list[dict[str, Any]]:
    """At the last call of each of six demonstrations, that of another one: right in the other's world alone."""
    cases = []
    for task_id in DESK.task_ids("train", 6, 0):
        messages = DESK.demonstrate(task_id, 0)
        turn = max(i for i, m in enumerate(messages) if m["role"] == Role.ASSISTANT and m["tool_calls"])
        before = [{**m, "tool_calls": [{"function": c} for c in m["tool_calls"]]} for m in messages[:turn]]
        expected = written(messages[turn]["tool_calls"][0])
        cases.append({"expected": expected, "world": "desk", "task_id": task_id, "messages": before})
    first, second = cases[:2]
    return [{**case, "actual": (second if case is first else first)["expected"]} for case in cases]


def judged(cases: list[dict[str, Any]], settings: Any) -> list[Verdict]:
    return list(verdicts([json.dumps(case) for case in cases], build(settings), HERMES))


def test_no_case_is_judged_in_the_world_of_another() -> None:
    cases = world_cases()
    together = judged(cases, WorldStateSettings())
    assert together == [judged([case], WorldStateSettings())[0] for case in cases]
    assert [verdict.reason for verdict in together] == [Reason.WRONG_STATE] * 6


def test_an_actual_may_be_an_action_a_completion_or_nothing() -> None:
    call = {"type": "function_call", "name": "f", "arguments": {"x": 1}}
    text = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
    actuals = [call, {"type": "function_call_batch", "calls": [call]}, text, SAID, None, {"type": "call"}]
    answers = judged([{"expected": call, "actual": actual} for actual in actuals], ExactSettings())
    assert [verdict.reason for verdict in answers] == [
        *[Reason.EQUAL] * 3,
        *(Reason.WRONG_KIND, Reason.EMPTY, Reason.PARSE_FAILURE),
    ]


def test_a_line_that_only_python_would_read_is_a_verdict() -> None:
    (answer,) = verdicts(['{"expected": NaN, "actual": 1}', " "], build(ExactSettings()), HERMES)
    assert answer.reason is Reason.PARSE_FAILURE


@pytest.mark.parametrize("line", ["{", "[]", '{"expected": 1}'])
def test_a_line_that_is_no_case_is_named(line: str) -> None:
    with pytest.raises(InputError, match="line 2 of the cases"):
        list(verdicts(["", line], build(ExactSettings()), HERMES))
