"""Heavy work in a process of its own: a crash becomes an error message, and all memory comes back.

The parent starts `python -m MODULE SPEC.json` and relays what the child prints. It stops the child when the run is
cancelled, or when the child reports nothing for too long. The child calls `enter`. It ends by itself when the parent
dies, however that happens.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel

from tasks.children.progress import Log, Progress, Update, is_alive, is_report, parse
from tasks.errors import ConfigurationError, InputError, NotInStore, PivotRLError, StageFailed, StoreError

Watch = Callable[[Update], None]
SpecT = TypeVar("SpecT", bound=BaseModel)
_KINDS: dict[str, type[PivotRLError]] = {
    kind.__name__: kind for kind in (ConfigurationError, InputError, StageFailed, NotInStore, StoreError, PivotRLError)
}
"""From the particular to the general: an error's kind is the first that it is an instance of."""
_TAIL_LINES, _TERMINATE_S = 30, 10.0
# OpenMP's threads spin at every barrier by default. On two cores with anything else to do, sampling took eight times as
# long. The library reads this once, so it is set before the process begins; a setting of the user's own prevails.
_PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
_running: set[subprocess.Popen[str]] = set()


class _Deadline:
    """How long a child may go on without a report; `passed` says that it was stopped for that."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.passed = False
        self.extend()

    def extend(self) -> None:
        """The child has reported."""
        self._last_report = time.monotonic()

    def remaining(self) -> float:
        return self._last_report + self._timeout_s - time.monotonic()


@contextmanager
def children_stopped_on_error() -> Iterator[None]:
    """Around a flow: when it is interrupted or cancelled, its children end at once."""
    # A stage waits for its child in a thread of Prefect's. Ctrl-C and SIGTERM reach the flow and not that thread.
    # Polars' handler of Ctrl-C lets a wait for a lock go on to its end (pola-rs/polars#21739): here, to the stage's.
    signal.siginterrupt(signal.SIGINT, True)
    try:
        yield
    except BaseException:
        for process in tuple(_running):
            _stop(process)
        raise


def run_child(
    module: str,
    spec: BaseModel,
    *,
    timeout_s: float,
    log: Log,
    launcher: Sequence[str] = (sys.executable,),
    watch: Watch | None = None,
) -> None:
    """Run a worker module to its end.

    Args:
        timeout_s: how long the child may go on without reporting progress or a sign of life.
        launcher: the command that takes `-m MODULE SPEC.json`: this Python, or a program that starts several.
        watch: called with every update that the child reports.

    Raises:
        PivotRLError: of the kind that the worker raised.
        StageFailed: it crashed, or reported nothing for `timeout_s`; the text has the last lines that it printed.
    """
    with tempfile.TemporaryDirectory(prefix="pivotrl-") as folder:
        path = Path(folder, "spec.json")
        path.write_text(spec.model_dump_json())
        process = subprocess.Popen(
            [*launcher, "-m", module, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={
                **_PATIENT_THREADS,
                **os.environ,
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": os.pathsep.join(_import_path()),
            },
        )
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        _running.add(process)
        deadline = _Deadline(timeout_s)
        threading.Thread(target=_stop_at, args=(deadline, process), daemon=True).start()
        try:
            _relay(process, deadline, tail, log, watch)
            status = process.wait()
        finally:
            _stop(process)
            _running.discard(process)
        if status == 0:
            return
        if deadline.passed:
            raise StageFailed(
                f"{module} was stopped after {timeout_s:.0f} s without progress (engine.timeout_s); what it finished "
                "is kept. Its last lines:\n" + "\n".join(tail)
            )
        raise _failure(module, status, Path(folder, "error.json"), tail)


def _import_path() -> list[str]:
    """Where this process finds modules. The child finds the same code and the user's own worlds there."""
    # The child runs in the same folder, so that a relative store is the same store. PYTHONSAFEPATH keeps the modules
    # in that folder from shadowing these.
    return [str(Path(entry).absolute()) for entry in sys.path]


def _stop_at(deadline: _Deadline, process: subprocess.Popen[str]) -> None:
    """Wait for the child as long as it reports; then stop it and its group."""
    while process.poll() is None and (remaining := deadline.remaining()) > 0:
        with suppress(subprocess.TimeoutExpired):
            process.wait(remaining)
    deadline.passed = process.poll() is None
    _stop(process)  # also where the child has ended: others of its group may still hold its output open


def _relay(
    process: subprocess.Popen[str], deadline: _Deadline, tail: deque[str], log: Log, watch: Watch | None
) -> None:
    assert process.stdout is not None
    with Progress(log) as progress:
        for line in process.stdout:
            if is_report(line):
                deadline.extend()
            update = parse(line)
            if update is not None:
                progress.show(update)
                if watch is not None:
                    watch(update)
            elif line.strip() and not is_alive(line):
                tail.append(line.rstrip())
                log.debug(line.rstrip())


def _stop(process: subprocess.Popen[str]) -> None:
    """End the child, first by SIGTERM, and then whatever it started and left behind."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TERMINATE_S)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()  # ends the processes that a launcher put into groups of their own: see `_end_with_parent`
    process.wait()


def _failure(module: str, status: int, error_file: Path, tail: deque[str]) -> PivotRLError:
    if error_file.exists():
        error = json.loads(error_file.read_text())
        return _KINDS[error["kind"]](error["text"])
    return StageFailed(f"{module} {exit_description(status)}. Its last lines:\n" + "\n".join(tail))


def exit_description(status: int) -> str:
    """How a process ended, in words; a status below 0 is that of a signal."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}" + (" (out of memory?)" if status == -signal.SIGKILL else "")


def enter(spec_type: type[SpecT], work: Callable[[SpecT], None]) -> None:
    """The main function of a worker module: read the specification, work, and end the process.

    The status is 0, or 1 after an error. A `PivotRLError` is written to a file, and the parent raises it again.
    """
    path = Path(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _exit_cleanly)
    try:
        work(spec_type.model_validate_json(path.read_text()))
    except PivotRLError as error:
        kind = next(name for name, known in _KINDS.items() if isinstance(error, known))
        with (
            suppress(FileExistsError),
            path.with_name("error.json").open("x") as file,
        ):  # of several processes, the first
            json.dump({"kind": kind, "text": str(error)}, file)
        _end(1)
    except Exception:
        traceback.print_exc()
        _end(1)
    _end(0)


def _end(status: int) -> NoReturn:
    """End the process without Python's clean-up."""
    # vLLM took 20 s to be taken apart object by object. And torch.distributed would wait for the other processes of a
    # training, which never come after an error in this one.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _exit_cleanly(number: int, _: object) -> None:
    """End so that temporary folders, which may hold a whole model, are removed."""
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """Wait for the end of the input, which comes when the parent closes it or dies; then end the whole group."""
    # Not sys.stdin: a thread that waits in its lock aborts the interpreter at exit.
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)
