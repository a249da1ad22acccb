import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.chat import Message, Role, message
from schemas.config import SplitConfig
from schemas.states import Split
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.table import frame
from tasks.stages.split.cut import split_of, split_part, states_of
from tests.builders import call, episode, trajectory

USER, GREETING = message(Role.USER, "Where is it?"), message(Role.ASSISTANT, "Hi! How can I help?")
CALL, RESULT = message(Role.ASSISTANT, tool_calls=[call()]), message(Role.TOOL, "shipped", tool_call_id="c1")
REASONING = get_args(SplitConfig.model_fields["reasoning"].annotation)
ANSWER, EMPTY = message(Role.ASSISTANT, "It has shipped."), message(Role.ASSISTANT, " \n", reasoning="Hm.")


def exclusions(messages, metadata="{}", **settings) -> list[str]:
    rows = states_of(trajectory(0, messages, metadata=metadata), SplitConfig(**settings))
    assert [row["turn_index"] for row in rows] == list(range(len(rows)))
    return [row["excluded"] for row in rows]


def test_every_action_is_a_state_by_reference() -> None:
    messages = episode(3)
    rows = states_of(trajectory(7, messages), SplitConfig())
    assert [row["message_index"] for row in rows] == [2, 4, 6]
    assert [row["kind"] for row in rows] == ["call", "call", "message"]
    assert [row["tool"] for row in rows] == ["get_order", "get_order", ""]
    assert rows[1]["tool_calls"] == messages[4]["tool_calls"]
    assert rows[2]["content"] == "It has shipped."
    assert "messages" not in rows[0], "the history was copied"


def test_a_turn_with_several_calls_is_one_action() -> None:
    both = message(Role.ASSISTANT, "Both.", tool_calls=[call(name="a"), call(name="b", id="c2")])
    (row,) = states_of(trajectory(0, [USER, both]), SplitConfig())
    assert (row["kind"], row["tool"], row["content"]) == ("calls", "a+b", "Both.")


def test_canned_openings_are_marked() -> None:
    assert exclusions([GREETING, USER, CALL, RESULT, ANSWER]) == ["canned", "", ""]
    assert exclusions([GREETING, USER, CALL, RESULT, ANSWER], canned="keep") == ["", "", ""]


def test_an_opening_that_acts_or_answers_nobody_is_not_canned() -> None:
    assert exclusions([CALL, RESULT, ANSWER, USER, ANSWER]) == ["", "", ""], "a call, and what follows its result"
    assert exclusions([message(Role.SYSTEM, "Report."), ANSWER]) == [""], "nobody ever speaks: it is the answer"


def test_empty_actions_are_marked() -> None:
    assert exclusions([USER, EMPTY, USER, ANSWER]) == ["empty", ""]
    assert exclusions([USER, EMPTY, USER, ANSWER], empty="keep") == ["", ""]


def test_terminal_messages_are_marked_when_asked() -> None:
    assert exclusions([USER, CALL, RESULT, ANSWER]) == ["", ""]
    assert exclusions([USER, CALL, RESULT, ANSWER], terminal="exclude") == ["", "terminal"]
    assert exclusions([USER, ANSWER, USER, CALL], terminal="exclude") == ["", ""], "the last action is a call"
    assert exclusions([USER, ANSWER, USER], terminal="exclude") == ["terminal"], "a user who says goodbye"


@pytest.mark.parametrize("settings", [{}, {"canned": "keep", "empty": "keep"}])
def test_the_earlier_actions_of_a_pivot_row_are_context(settings: dict) -> None:
    messages = [GREETING, USER, EMPTY, USER, CALL, RESULT, ANSWER]
    metadata = json.dumps({"only_last_action": True})
    assert exclusions(messages, metadata, **settings) == ["context", "context", "context", ""]


def test_a_kept_opening_can_still_be_terminal() -> None:
    assert exclusions([GREETING, USER], canned="keep", terminal="exclude") == ["terminal"]


@given(st.text(), st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_task_only_ever_moves_into_a_larger_validation_set(name: str, a: float, b: float) -> None:
    smaller, larger = sorted((a, b))
    if split_of(name, smaller) is Split.VALIDATION:
        assert split_of(name, larger) is Split.VALIDATION
    assert split_of(name, 0) is Split.TRAIN


def test_the_share_held_out_is_what_was_asked_for() -> None:
    held_out = sum(split_of(f"desk/{i}", 0.2) is Split.VALIDATION for i in range(5000))
    assert 0.18 < held_out / 5000 < 0.22


def splits(*rows, **settings) -> dict[str, str]:
    config = SplitConfig(validation_fraction=0.5, **settings)
    return {row["trajectory_id"]: {s["split"] for s in states_of(row, config)}.pop() for row in rows}


def test_the_split_is_stable_under_new_data() -> None:
    rows = [trajectory(i) for i in range(60)]
    assert splits(*rows[:30]) == {k: v for k, v in splits(*rows).items() if int(k, 16) < 30}
    assert set(splits(*rows).values()) == {"train", "validation"}


def test_attempts_at_one_task_stay_together() -> None:
    attempts = [trajectory(i, task_id="42") for i in range(20)]
    assert len(set(splits(*attempts).values())) == 1
    assert len(set(splits(*attempts, by="trajectory").values())) == 2


def test_a_task_stays_together_whatever_its_domain_is_called() -> None:
    attempts = [trajectory(i, task_id="42", domain=f"harness {i}") for i in range(20)]
    assert len(set(splits(*attempts).values())) == 1


def asked(number: int, turns: int = 2) -> list[Message]:
    """An episode about another order."""
    start, _, *rest = episode(turns)
    return [start, message(Role.USER, f"Where is order {number}?"), *rest]


def test_reasoning_is_kept_dropped_or_required() -> None:
    silent, thoughtful = CALL, {**ANSWER, "reasoning": "It is there."}
    messages = [USER, silent, RESULT, thoughtful]
    rows = {setting: states_of(trajectory(0, messages), SplitConfig(reasoning=setting)) for setting in REASONING}
    assert {setting: [row["reasoning"] for row in states] for setting, states in rows.items()} == {
        "keep": ["", "It is there."],
        "drop": ["", ""],
        "require": ["", "It is there."],
    }
    assert {setting: [row["excluded"] for row in states] for setting, states in rows.items()} == {
        "keep": ["", ""],
        "drop": ["", ""],
        "require": ["no_reasoning", ""],
    }


def test_reasoning_of_white_space_is_none() -> None:
    assert exclusions([USER, {**ANSWER, "reasoning": " \n"}], reasoning="require") == ["no_reasoning"]


def test_without_a_task_what_opens_alike_stays_together() -> None:
    attempts = [trajectory(i, episode(i + 1), task_id="") for i in range(20)]
    assert len(set(splits(*attempts).values())) == 1
    assert len(set(splits(*(trajectory(i, asked(i), task_id="") for i in range(20))).values())) == 2


@pytest.mark.parametrize("by", ["task", "trajectory"])
def test_the_pivot_rows_of_a_trajectory_stay_together(by: str) -> None:
    metadata = json.dumps({"only_last_action": True})
    whole = episode(20)
    rows = [trajectory(i, whole[: 3 + 2 * i], task_id="", metadata=metadata) for i in range(20)]
    assert len(set(splits(*rows, by=by).values())) == 1
    others = [trajectory(i, asked(i), task_id="", metadata=metadata) for i in range(20)]
    assert len(set(splits(*others, by=by).values())) == 2


def test_states_without_a_task_are_counted() -> None:
    rows = [trajectory(0), trajectory(1, [GREETING, USER, ANSWER], task_id=""), trajectory(2, task_id="")]
    _, reasons = split_part(frame(TRAJECTORIES, rows), SplitConfig())
    assert reasons == {"canned": 1, "split_by_opening": 3}
    _, reasons = split_part(frame(TRAJECTORIES, rows), SplitConfig(by="trajectory"))
    assert reasons == {"canned": 1}
