"""Processes that share work, each on accelerators of its own: whoever is free takes the next item.

They do not talk to each other. Each prepares once (starts an engine, say) and then works on one item after the other.
All are ended together: when no item is left, when one of them fails, or when the process that started them ends.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar, cast

from tasks.children.child import exit_description
from tasks.errors import ConfigurationError, PivotRLError, StageFailed

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def run_pool(
    items: Sequence[ItemT],
    prepare: Callable[[], Callable[[ItemT], ResultT]],
    processes: int,
    on_result: Callable[[ResultT], None],
    *,
    accelerators_each: int = 1,
) -> None:
    """Work on every item: in this process where one is asked for or there is one item, else in processes of its own.

    Args:
        prepare: called once in each process; gives the function that works on an item. `prepare`, the items and the
            results are pickled.
        on_result: called in this process with each result, in the order in which they come.
        accelerators_each: that a process has.

    Raises:
        PivotRLError: as a process raised it; the others are ended.
        StageFailed: a process crashed or was killed.
        ConfigurationError: too few accelerators for so many processes.
    """
    devices = accelerators(processes, accelerators_each) if processes > 1 else []
    count = min(processes, len(items))
    if count <= 1:
        work = prepare()
        for item in items:
            on_result(work(item))
        return
    queue = deque(items)
    workers: list[_Worker[ItemT, ResultT]] = []
    try:
        for number in range(count):
            with _visible_devices(devices[number] if devices else None):
                workers.append(_Worker(f"sampling process {number + 1} of {count}", prepare))
            workers[-1].send(queue.popleft())
        busy: dict[object, _Worker[ItemT, ResultT]] = {worker.connection: worker for worker in workers}
        while busy:
            for connection in wait([worker.connection for worker in busy.values()]):
                on_result(busy[connection].receive())
                if queue:
                    busy[connection].send(queue.popleft())
                else:
                    del busy[connection]
    finally:
        for worker in workers:
            worker.kill()


def accelerators(processes: int, each: int = 1) -> list[str]:
    """The accelerators of each process, as CUDA_VISIBLE_DEVICES names them. Empty on a CPU, which all share.

    Raises:
        ConfigurationError: there are fewer than `each` for every process.
    """
    from torch.cuda import device_count  # imported here: torch takes seconds, and one process needs none of it

    count = device_count()
    if count == 0:
        return []
    if processes * each > count:
        needed = "an accelerator" if each == 1 else f"{each} accelerators"
        advice = f"ask for {count // each}, or let" if count >= each else "let"
        raise ConfigurationError(
            f"{processes} processes need {needed} each, and {count} can be seen here: {advice} more be seen "
            f"({_VISIBLE})"
        )
    visible = os.environ.get(_VISIBLE)
    names = [name.strip() for name in visible.split(",")] if visible else [str(index) for index in range(count)]
    return [",".join(names[number * each : (number + 1) * each]) for number in range(processes)]


@contextmanager
def _visible_devices(devices: str | None) -> Iterator[None]:
    """Processes that are started inside see these accelerators alone, from their first import on."""
    before = os.environ.get(_VISIBLE)
    if devices is not None:
        os.environ[_VISIBLE] = devices
    try:
        yield
    finally:
        if devices is not None:
            os.environ.pop(_VISIBLE)
            os.environ.update({_VISIBLE: before} if before is not None else {})


class _Worker(Generic[ItemT, ResultT]):
    """One of the processes, started. It has at most one item at a time."""

    def __init__(self, name: str, prepare: Callable[[], Callable[[ItemT], ResultT]]) -> None:
        self._name = name
        # Not fork: the threads of Polars and torch are not there in a fork, which then may hang.
        context = multiprocessing.get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self._process = context.Process(target=_serve, args=(child_connection, name, prepare))
        self._process.start()
        child_connection.close()

    def send(self, item: ItemT) -> None:
        """Let it work on an item. If it has ended, `receive` says why."""
        with suppress(OSError):
            self.connection.send(item)

    def receive(self) -> ResultT:
        """Wait for its result.

        Raises:
            PivotRLError: what it raised; StageFailed where it ended without a result.
        """
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            ending = exit_description(self._process.exitcode or 0)
            raise StageFailed(f"{self._name} {ending}; what was finished is kept") from None
        if isinstance(result, PivotRLError):
            raise result
        return cast(ResultT, result)

    def kill(self) -> None:
        """End it at once: what it finished is stored, and an engine takes long to shut down."""
        self._process.kill()
        self._process.join()


def _serve(
    connection: Connection[ResultT | PivotRLError, ItemT],
    name: str,
    prepare: Callable[[], Callable[[ItemT], ResultT]],
) -> None:
    """In the started process: send a result per item, until no more items come or an error ends it."""
    try:
        work = prepare()
        with suppress(EOFError):
            while True:
                connection.send(work(connection.recv()))
    except PivotRLError as error:
        connection.send(error)
    except Exception:
        connection.send(StageFailed(f"{name} crashed:\n{traceback.format_exc().rstrip()}"))
