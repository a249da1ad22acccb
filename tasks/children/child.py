"""Heavy work in a process of its own: a crash is an error message, and memory comes back.

The parent starts `python -m MODULE SPEC.json`, relays what it prints, and stops it when it reports nothing for too
long or the run is cancelled. The child calls `enter`; it ends by itself when the parent dies, however the parent died.
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
"""From the particular to the general: the first that fits is the kind of an error."""
_TAIL_LINES, _TERMINATE_S = 30, 10.0
_PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""OpenMP's threads spin at every barrier by default: on two cores with anything else to do, sampling took eight times
as long. Set before the process begins, because the library reads it once; the user's own setting goes before."""
_running: set[subprocess.Popen[str]] = set()


class _Clock:
    """When a child last reported that it goes on, and whether it was stopped because that was too long ago."""

    def __init__(self) -> None:
        self.ran_out = False
        self.heard()

    def heard(self) -> None:
        self._heard = time.monotonic()

    def left(self, timeout_s: float) -> float:
        return self._heard + timeout_s - time.monotonic()


@contextmanager
def children_stopped_on_error() -> Iterator[None]:
    """Around a flow: when it is interrupted or cancelled, its children end at once.

    A stage waits for its child in a thread of Prefect's, which neither Ctrl-C nor SIGTERM reaches; both reach the flow.
    """
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
        timeout_s: how long the child may report neither progress nor that it is alive.
        launcher: the command that takes `-m MODULE SPEC.json`: this Python, or one that starts several of it.
        watch: gets every update that the child reports.

    Raises:
        PivotRLError: of the kind that the worker raised; StageFailed where it crashed, with the last lines it printed,
            or reported nothing for `timeout_s`.
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
        clock = _Clock()
        threading.Thread(target=_end_in_time, args=(process, clock, timeout_s), daemon=True).start()
        try:
            _relay(process, clock, tail, log, watch)
            status = process.wait()
        finally:
            _stop(process)
            _running.discard(process)
        if status == 0:
            return
        if clock.ran_out:
            raise StageFailed(
                f"{module} was stopped after {timeout_s:.0f} s without progress (engine.timeout_s); what it finished "
                "is kept. Its last lines:\n" + "\n".join(tail)
            )
        raise _failure(module, status, Path(folder, "error.json"), tail)


def _import_path() -> list[str]:
    """Where this process finds modules: the child runs the same code and the user's own worlds, in the same folder, so
    that a relative store is the same store. (Safe path: what lies in that folder does not go before it all.)"""
    return [str(Path(entry).absolute()) for entry in sys.path]


def _end_in_time(process: subprocess.Popen[str], clock: _Clock, timeout_s: float) -> None:
    """Wait for the child as long as it reports; then end what is left of its group, which may still hold its output
    open."""
    while process.poll() is None and (left := clock.left(timeout_s)) > 0:
        with suppress(subprocess.TimeoutExpired):
            process.wait(left)
    clock.ran_out = process.poll() is None
    _stop(process)


def _relay(process: subprocess.Popen[str], clock: _Clock, tail: deque[str], log: Log, watch: Watch | None) -> None:
    assert process.stdout is not None
    with Progress(log) as progress:
        for line in process.stdout:
            if is_report(line):
                clock.heard()
            update = parse(line)
            if update is not None:
                progress.show(update)
                if watch is not None:
                    watch(update)
            elif line.strip() and not is_alive(line):
                tail.append(line.rstrip())
                log.debug(line.rstrip())


def _stop(process: subprocess.Popen[str]) -> None:
    """End the child, first politely, and then whatever it started and left behind.

    A launcher puts its processes into groups of their own: what reaches them there is the end of their input.
    """
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TERMINATE_S)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _failure(module: str, status: int, error_file: Path, tail: deque[str]) -> PivotRLError:
    if error_file.exists():
        error = json.loads(error_file.read_text())
        return _KINDS[error["kind"]](error["text"])
    return StageFailed(f"{module} {how_it_ended(status)}. Its last lines:\n" + "\n".join(tail))


def how_it_ended(status: int) -> str:
    """What an exit status says of a process; one below 0 is a signal's."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}" + (" (out of memory?)" if status == -signal.SIGKILL else "")


def enter(spec_type: type[SpecT], work: Callable[[SpecT], None]) -> None:
    """The main of a worker module: read the specification, work, and report a refusal as such.

    The process ends here: with status 0, or with 1 after an error, which of a refusal the parent raises again.
    """
    path = Path(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    try:
        work(spec_type.model_validate_json(path.read_text()))
    except PivotRLError as error:
        kind = next(name for name, known in _KINDS.items() if isinstance(error, known))
        with suppress(FileExistsError), path.with_name("error.json").open("x") as file:  # of several, the first
            json.dump({"kind": kind, "text": str(error)}, file)
        _end(1)
    except Exception:
        traceback.print_exc()
        _end(1)
    _end(0)


def _end(status: int) -> NoReturn:
    """What is left is to take an engine apart object by object, which took vLLM 20 s, and to wait for the other
    processes of a training, which after an error here never come: the end of the process does without."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _leave(number: int, _: object) -> None:
    """End politely: temporary folders, which may hold a whole model, are removed on the way out."""
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    # Not sys.stdin: a thread that waits in its lock aborts the interpreter when it ends.
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)
