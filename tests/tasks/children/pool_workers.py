"""Work for the tests of the pool, and a worker module that runs it:
`python -m tests.tasks.children.pool_workers SPEC`, as `tests.tasks.children.workers` is run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from tasks.children.child import enter
from tasks.children.pool import run_pool
from tasks.children.progress import Update, report
from tasks.errors import InputError


class Spec(BaseModel):
    """What item 1 is to do (the others wait for it to be in work, then for `act` to have its effect), and where to
    leave notes."""

    act: str
    notes: str
    items: int = 2
    processes: int = 2


def prepare(notes: Path, act: str) -> Callable[[int], tuple[int, int, str | None]]:
    """What does an item: its number, the process that worked on it and the accelerators that process sees."""
    (notes / f"ready-{os.getpid()}").write_text(str(os.getpid()))
    if act == "refuse to start":
        raise InputError("vLLM cannot serve this")
    return partial(do, notes, act)


def do(notes: Path, act: str, item: int) -> tuple[int, int, str | None]:
    (notes / f"began-{item}").touch()
    if act == "together":  # nobody finishes the first two alone
        until_begun(notes, 0, 1)
    elif act == "one is slow" and item == 0:
        until_begun(notes, *range(5))
    elif act != "one is slow":
        until_begun(notes, 0, 1)
        fault(act if item == 1 else "hang")
    return item, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def until_begun(notes: Path, *items: int) -> None:
    end = time.monotonic() + 120
    while not all((notes / f"began-{item}").exists() for item in items):
        assert time.monotonic() < end, "the other process never began"
        time.sleep(0.02)


def fault(act: str) -> None:
    if act == "refuse":
        raise InputError("a text that says what")
    if act == "crash":
        raise ZeroDivisionError("a bug")
    if act == "out of memory":
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "leave":
        os._exit(3)
    time.sleep(600)


def work(spec: Spec) -> None:
    done = 0

    def on_result(_: object) -> None:
        nonlocal done
        done += 1
        report(Update("rollout", done, spec.items))

    run_pool(range(spec.items), partial(prepare, Path(spec.notes), spec.act), spec.processes, on_result)


if __name__ == "__main__":
    enter(Spec, work)
