from __future__ import annotations

import threading
import time

import pytest

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.build import build, concurrency_of
from tasks.verifiers.concurrency import in_order, one_at_a_time
from tasks.verifiers.kinds import CascadeSettings, JudgeSettings, PythonSettings
from tasks.verifiers.verdict import EQUAL, Verdict
from tests.tasks.verifiers.asking import at, says
from tests.tasks.verifiers.judge_server import NO, Server


class Crowd:
    """Counts the threads that are in it at once."""

    def __init__(self) -> None:
        self.inside, self.most, self._lock = 0, 0, threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.01)
        with self._lock:
            self.inside -= 1


@pytest.mark.parametrize("concurrency", [1, 4])
def test_results_come_in_the_order_of_the_items(concurrency: int) -> None:
    crowd = Crowd()

    def square(number: int) -> int:
        crowd.enter()
        return number**2

    assert in_order(square, iter(range(12)), concurrency) == [number**2 for number in range(12)]
    assert crowd.most <= concurrency and (crowd.most > 1) == (concurrency > 1)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_exception_is_raised(concurrency: int) -> None:
    with pytest.raises(ZeroDivisionError):
        in_order(lambda number: 1 // number, [1, 0, 2], concurrency)


def test_one_at_a_time() -> None:
    crowd = Crowd()

    def verify(*_: State | Action | Completion) -> Verdict:
        crowd.enter()
        return EQUAL

    alone = one_at_a_time(verify, threading.Lock())
    assert in_order(lambda _: alone(at(), says("a"), says("b")), range(8), 8) == [EQUAL] * 8
    assert crowd.most == 1


def test_beside_a_judge_a_users_function_is_called_by_one_thread_at_a_time(server: Server) -> None:
    server.otherwise = lambda _: NO
    function = PythonSettings(function="tests.tasks.verifiers.users_functions:alone")
    settings = CascadeSettings(verifiers=(function, JudgeSettings(url=server.url, model="m", votes=1, concurrency=4)))
    assert (concurrency_of(settings), concurrency_of(function)) == (4, 1)
    verify = build(settings)
    verdicts = in_order(lambda i: verify(at(), says("a"), says(f"b {i}")), range(12), 4)
    assert {verdict.reward for verdict in verdicts} == {0.0}, "a function that raised leaves it undecided"
