from __future__ import annotations

import pytest

from schemas.chat import Action, State
from tasks.errors import StageFailed
from tasks.stages.train.states import DropReason, admit, draw, require_examples
from tasks.states.example import Example, StateKey


def make_states(n, length=3):
    return [Example(State(f"t{i // 3}", i % 3, (), ()), Action("x"), prompt=[1] * length) for i in range(n)]


def test_a_long_prompt_is_dropped_with_a_reason():
    short, long = make_states(1, 10)[0], Example(State("long", 0, (), ()), Action("x"), prompt=[1] * 11)
    admitted, dropped = admit([short, long], 10)
    assert admitted == [short]
    assert dropped == {StateKey("long", 0): DropReason.TOO_LONG}


def test_nothing_left_names_the_reasons_and_the_setting():
    with pytest.raises(StageFailed, match=r"2 were dropped \(too_long: 2\).*max_state_tokens"):
        require_examples(*admit(make_states(2, 11), 10))


def test_an_epoch_takes_every_state_once():
    states = make_states(12)
    drawn = [s.key for step in range(3) for s in draw(states, 4, step, seed=0)]
    assert sorted(drawn) == sorted(s.key for s in states)


def test_steps_are_in_trajectory_order_and_epochs_differ():
    states = make_states(12)
    first, again, later = (draw(states, 6, step, seed=0) for step in (0, 0, 2))
    assert first == again != later
    assert [s.key for s in first] == sorted(s.key for s in first)
    assert first != draw(states, 6, 0, seed=1)


def test_fewer_states_than_a_step_takes_them_all_once():
    states = make_states(3)
    assert draw(states, 32, 5, seed=0) == states
