from schemas.chat import Action, State
from tasks.states.example import Example, StateKey
from tests.builders import call


def at(turn: int, *tools: str, text: str = "") -> Example:
    return Example(State("9f2c", turn, (), ()), Action(text, "", tuple(call(name=name) for name in tools)))


def test_a_key_is_a_pair_that_sorts_and_is_written_with_a_slash() -> None:
    keys = [at(10).key, at(2).key]
    assert sorted(keys) == [("9f2c", 2), ("9f2c", 10)]
    assert [str(key) for key in keys] == ["9f2c/10", "9f2c/2"]
    assert StateKey("9f2c", 2) in {at(2).key}


def test_an_example_is_described_by_its_demonstration() -> None:
    assert (at(0, "open", "close").kind, at(0, "open", "close").tool) == ("calls", "open+close")
    assert (at(0, "open").kind, at(0, "open").tool) == ("call", "open")
    assert (at(0, text="Hello.").kind, at(0, text="Hello.").tool) == ("message", "")
