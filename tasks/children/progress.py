"""How far a child process is: it prints one JSON line per step. The parent shows a bar in a terminal, plain lines
elsewhere."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Log = logging.Logger | logging.LoggerAdapter[Any]

_REPORT = "@pivotrl-"
_MARK, _ALIVE = _REPORT + "progress ", _REPORT + "alive"
_PLAIN_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Update:
    """`done` of `total` steps of `what`. `note` tells a person about the last step, `values` are plotted."""

    what: str
    done: int
    total: int
    note: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)


def report(update: Update) -> None:
    """Called in the child after each step."""
    _write_line(_MARK + json.dumps(asdict(update)))


def alive() -> None:
    """Called in the child within a long step: a sign of life, with nothing to show."""
    _write_line(_ALIVE)


def _write_line(line: str) -> None:
    # One write, so that processes which share the pipe do not cut each other's lines. Under PYTHONUNBUFFERED, `print`
    # writes a line and its end apart.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def is_report(line: str) -> bool:
    """Whether the line is an update or a sign of life, even if it is cut short or has a launcher's prefix."""
    return _REPORT in line


def is_alive(line: str) -> bool:
    """Whether the line is a sign of life."""
    return _ALIVE in line


def parse(line: str) -> Update | None:
    """The update in a line of the child's output, or None. Other processes print too, and may cut a line short."""
    if not line.startswith(_MARK):
        return None
    try:
        return Update(**json.loads(line.removeprefix(_MARK)))
    except (ValueError, TypeError):
        return None


class Progress:
    """Shows updates: a bar in a terminal, else a log line now and then and at the end."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._last = 0.0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=Console(stderr=True), transient=True) if sys.stderr.isatty() else None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def show(self, update: Update) -> None:
        """Show an update; plain lines at most every 15 s."""
        text = f"{update.what} {update.note}".strip()
        if self._bars:
            if update.what not in self._tasks:
                self._tasks[update.what] = self._bars.add_task(text, total=update.total)
            self._bars.update(self._tasks[update.what], completed=update.done, description=text)
        elif update.done >= update.total or time.monotonic() - self._last >= _PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._log.info("%s: %d of %d %s", update.what, update.done, update.total, update.note)
