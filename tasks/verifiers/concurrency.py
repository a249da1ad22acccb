"""Several verdicts at once, for a verifier that waits for a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.verdict import Verdict, Verify

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Iterable[T], concurrency: int) -> list[R]:
    """The function's results in the order of the items, with `concurrency` calls under way at once.

    Raises:
        Exception: the first that the function raised.
    """
    if concurrency == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(function, items))


def one_at_a_time(verify: Verify, lock: threading.Lock) -> Verify:
    """The verifier, called by one thread at a time."""
    # Kinds that only compute would gain nothing by threads, and some have state: a database, a user's function.

    def verify_alone(state: State, demonstration: Action, completion: Completion) -> Verdict:
        with lock:
            return verify(state, demonstration, completion)

    return verify_alone
