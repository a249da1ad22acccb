from __future__ import annotations

import pytest

from tasks.errors import ConfigurationError
from tasks.verifiers.build import build
from tasks.verifiers.kinds import PythonSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import at, call, calls, says, verdict

FUNCTIONS = "tests.tasks.verifiers.users_functions"


@pytest.mark.parametrize(
    ("function", "reward"),
    [("half", 0.5), ("everything", 1.0), ("raises", None), ("too_much", None), ("nothing", None), ("nan", None)],
)
def test_a_users_function(function: str, reward: float | None) -> None:
    settings = PythonSettings(function=f"tests.tasks.verifiers.users_functions:{function}")
    answer = verdict(settings, says("a"), says("b"))
    assert answer.reward == reward and (answer.reason is Reason.UNDECIDED) == (reward is None)
    assert verdict(settings, call("t"), says("t")).reason is Reason.WRONG_KIND


@pytest.mark.parametrize("function", ["nowhere:f", "tests.tasks.verifiers.users_functions:absent", "json:decoder"])
def test_a_function_that_is_not_there(function: str) -> None:
    with pytest.raises(ConfigurationError, match=function.partition(":")[0]):
        build(PythonSettings(function=function))


def test_it_is_not_asked_about_what_is_no_action_of_the_sort() -> None:
    """A function that takes everything would else reward an empty completion."""
    verify = build(PythonSettings(function=f"{FUNCTIONS}:everything"))
    assert verify(at(), says("a"), says("")).reason is Reason.EMPTY
    assert verify(at(), says("a"), call("t")).reason is Reason.WRONG_KIND


def test_a_reward_has_its_reason() -> None:
    assert verdict(PythonSettings(function=f"{FUNCTIONS}:everything"), says("a"), says("a")).reason is Reason.EQUAL
    assert verdict(PythonSettings(function=f"{FUNCTIONS}:everything"), says("a"), says("b")).reason is Reason.EQUIVALENT
    assert verdict(PythonSettings(function=f"{FUNCTIONS}:half"), says("a"), says("b")).reason is Reason.PARTIAL
    one, two = call("t"), calls(("t", {}), ("t", {}))
    refused = verdict(PythonSettings(function="tests.tasks.verifiers.asking:same_count"), one, two)
    assert (refused.reward, refused.reason) == (0.0, Reason.REFUSED)


def test_an_error_of_the_function_is_quoted() -> None:
    undecided = verdict(PythonSettings(function=f"{FUNCTIONS}:raises"), says("a"), says("b"))
    assert undecided.detail == f"{FUNCTIONS}:raises: RuntimeError: no such service"
