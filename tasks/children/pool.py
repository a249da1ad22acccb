"""Processes that share work, each on an accelerator of its own: whoever is free takes the next item.

They never meet. Each gets ready once (starts an engine, say), works on one item after the other, and is ended with the
others as soon as there is nothing left, one has failed, or the process that dealt has ended.
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

from tasks.children.child import how_it_ended
from tasks.errors import ConfigurationError, PivotRLError, StageFailed

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def deal(
    items: Sequence[ItemT],
    prepare: Callable[[], Callable[[ItemT], ResultT]],
    processes: int,
    finished: Callable[[ResultT], None],
) -> None:
    """Work on every item: here where one process is asked for or there is one item, else in processes started for it.

    Args:
        prepare: called once in each process; gives what works on an item. It, the items and the results are pickled.
        finished: called here with each result, in the order in which they come.

    Raises:
        PivotRLError: as a process raised it; the others are ended.
        StageFailed: a process crashed or was killed.
        ConfigurationError: more processes than accelerators.
    """
    devices = accelerators(processes) if processes > 1 else []
    count = min(processes, len(items))
    if count <= 1:
        work = prepare()
        for item in items:
            finished(work(item))
        return
    left = deque(items)
    members: list[_Member[ItemT, ResultT]] = []
    try:
        for number in range(count):
            with _seen(devices[number] if devices else None):
                members.append(_Member(f"sampling process {number + 1} of {count}", prepare))
            members[-1].give(left.popleft())
        busy: dict[object, _Member[ItemT, ResultT]] = {member.connection: member for member in members}
        while busy:
            for connection in wait([member.connection for member in busy.values()]):
                finished(busy[connection].take())
                if left:
                    busy[connection].give(left.popleft())
                else:
                    del busy[connection]
    finally:
        for member in members:
            member.end()


def accelerators(processes: int) -> list[str]:
    """The accelerator of each process, by its name in CUDA_VISIBLE_DEVICES; empty on a CPU, which all share.

    Raises:
        ConfigurationError: there are fewer.
    """
    from torch.cuda import device_count  # seconds that who deals work to one process does not pay

    count = device_count()
    if count == 0:
        return []
    if processes > count:
        raise ConfigurationError(
            f"{processes} processes need an accelerator each, and {count} can be seen here: ask for {count}, or let "
            f"more be seen ({_VISIBLE})"
        )
    visible = os.environ.get(_VISIBLE)
    names = visible.split(",") if visible else [str(index) for index in range(count)]
    return [name.strip() for name in names[:processes]]


@contextmanager
def _seen(device: str | None) -> Iterator[None]:
    """A process that is started inside sees this accelerator alone, from its first import on."""
    before = os.environ.get(_VISIBLE)
    if device is not None:
        os.environ[_VISIBLE] = device
    try:
        yield
    finally:
        if device is not None:
            os.environ.pop(_VISIBLE)
            os.environ.update({_VISIBLE: before} if before is not None else {})


class _Member(Generic[ItemT, ResultT]):
    """One of the processes, started; it has one item at most."""

    def __init__(self, name: str, prepare: Callable[[], Callable[[ItemT], ResultT]]) -> None:
        self._name = name
        # A fork of a process that has threads, as Polars' and torch's, may hang; a process of its own does not.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work_for, args=(theirs, name, prepare))
        self._process.start()
        theirs.close()

    def give(self, item: ItemT) -> None:
        """Let it work on an item. If it has ended, `take` tells why."""
        with suppress(OSError):
            self.connection.send(item)

    def take(self) -> ResultT:
        """Its result; waits for it.

        Raises:
            PivotRLError: what it raised; StageFailed where it ended without a word.
        """
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            how = how_it_ended(self._process.exitcode or 0)
            raise StageFailed(f"{self._name} {how}; what was finished is kept") from None
        if isinstance(result, PivotRLError):
            raise result
        return cast(ResultT, result)

    def end(self) -> None:
        """End it where it stands: what it finished is stored, and to take an engine apart takes long."""
        self._process.kill()
        self._process.join()


def _work_for(
    connection: Connection[ResultT | PivotRLError, ItemT],
    name: str,
    prepare: Callable[[], Callable[[ItemT], ResultT]],
) -> None:
    """In the started process: results, or the error that ends it, until nobody asks for more."""
    try:
        work = prepare()
        with suppress(EOFError):
            while True:
                connection.send(work(connection.recv()))
    except PivotRLError as error:
        connection.send(error)
    except Exception:
        connection.send(StageFailed(f"{name} crashed:\n{traceback.format_exc().rstrip()}"))
