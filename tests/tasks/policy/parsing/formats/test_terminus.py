"""Terminus: the whole completion is one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.chat import Action
from tasks.policy.parsing import ParseReason, parser_for
from tasks.policy.parsing.formats.terminus import session
from tests.tasks.policy.parsing.completions import refusal

DATA = Path(__file__).parents[4].parent / "shared" / "data" / "nemo_gym"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"analysis": "", "plan": "", "commands": [', ParseReason.BAD_JSON),
        ("ls", ParseReason.BAD_JSON),
        ('{"analysis": "", "plan": ""}', ParseReason.NOT_A_CALL),
        ('{"analysis": "", "plan": "", "commands": [{"duration": 1}]}', ParseReason.NOT_A_CALL),
        ('{"analysis": "", "plan": "", "commands": [{"keystrokes": "ls", "extra": 1}]}', ParseReason.NOT_A_CALL),
        ('{"analysis": "", "plan": "", "commands": ["ls"]}', ParseReason.NOT_A_CALL),
        ('{"analysis": "", "plan": "", "commands": [], "task_complete": "yes"}', ParseReason.NOT_A_CALL),
    ],
)
def test_malformed_is_a_failure_with_a_reason_and_never_a_smaller_call(text: str, reason: ParseReason) -> None:
    assert refusal("terminus", text) is reason


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/nemo_gym")
def test_real_terminus_answers_are_sessions() -> None:
    rows = [json.loads(line) for line in (DATA / "terminus_judge__example_rollouts.jsonl").open()]
    for row in rows:
        for text in (row["expected_answer"], row["model_output"]):
            assert parser_for("terminus")(text) == Action(content=text.strip())
            assert session(text).keystrokes


@pytest.mark.parametrize(
    ("text", "keystrokes", "complete"),
    [
        ('{"analysis": "a", "plan": "p", "commands": [{"keystrokes": "ls\\n", "duration": 1}]}', ("ls\n",), False),
        ('{"analysis": "", "plan": "", "commands": [], "task_complete": true}', (), True),
        (
            '{"state_analysis": "", "explanation": "", "is_task_complete": false, "commands": '
            '[{"keystrokes": "a", "is_blocking": true, "timeout_sec": 1.5}, {"keystrokes": "b"}]}',
            ("a", "b"),
            False,
        ),
    ],
)
def test_both_forms_are_sessions_and_stay_text(text: str, keystrokes: tuple[str, ...], complete: bool) -> None:
    assert (session(text).keystrokes, session(text).complete) == (keystrokes, complete)
    assert parser_for("terminus")(text) == Action(content=text)
