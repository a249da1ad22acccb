"""Prefect's own processes, as `pivotrl up` runs them: each has a log, is watched, and ends with all that it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from tasks.errors import ConfigurationError, PivotRLError

ROOT = Path(__file__).parents[2]
_STOP_S = 20.0
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec, the loader's lock may be held for ever
_HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
_MIN_HEARTBEAT_S = 30


@dataclass(frozen=True, slots=True)
class Service:
    """A process that is to run until we stop it, and the file that it prints to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Check that it still runs.

        Raises:
            PivotRLError: it ended; the text has the last lines of its log.
        """
        status = self.process.poll()
        if status is not None:
            raise PivotRLError(f"Prefect's {self.name} ended with status {status}:\n{last_lines(self.log)}")


@contextmanager
def running(
    name: str, arguments: list[str], environment: Mapping[str, str], folder: Path, module: str = "prefect"
) -> Iterator[Service]:
    """Run `python -m MODULE ARGUMENTS` until the block ends; it prints to `folder/NAME.log`."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--no-prompt", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone; we stop one service after the other
            preexec_fn=_end_with_parent,
        )
    try:
        yield Service(name, process, log)
    finally:
        print(f"Stopping the {name}", flush=True)
        _stop(process)


def heartbeat() -> dict[str, str]:
    """Prefect's variable for the seconds between a run's heartbeats: the environment's, else the minimum.

    Raises:
        ConfigurationError: the environment's is not a number of seconds that Prefect takes.
    """
    seconds = os.environ.get(_HEARTBEAT) or str(_MIN_HEARTBEAT_S)
    if not seconds.isdecimal() or int(seconds) < _MIN_HEARTBEAT_S:
        raise ConfigurationError(f"{_HEARTBEAT}={seconds}: give whole seconds, {_MIN_HEARTBEAT_S} at least")
    return {_HEARTBEAT: seconds}


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, for an error's text."""
    return "\n".join([*log.read_text(errors="replace").splitlines()[-count:], f"(all of it: {log})"])


def server_logging(folder: Path) -> dict[str, str]:
    """The variable for Prefect's logging, with retried attempts in a file of their own, `folder/retried.log`."""
    prefect = find_spec("prefect")
    assert prefect is not None and prefect.origin is not None
    settings = yaml.safe_load(Path(prefect.origin).with_name("logging").joinpath("logging.yml").read_text())
    # On SQLite each poll of a worker logs 100 lines on attempts that are retried with success (PrefectHQ/prefect#22967,
    # mended after the version pinned here). What fails for good stands there too, so it is kept: 2 MB at most.
    settings["handlers"]["retried"] = {
        "class": "logging.handlers.RotatingFileHandler",
        "formatter": "standard",
        "filename": str(folder / "retried.log"),
        "maxBytes": 1_000_000,
        "backupCount": 1,
    }
    settings["loggers"]["docket.dependencies"] = {"level": "ERROR", "handlers": ["retried"], "propagate": False}
    path = folder / "logging.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return {"PREFECT_LOGGING_SETTINGS_PATH": str(path)}


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends: killed by SIGKILL, it cannot stop its children."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(leader: subprocess.Popen[bytes]) -> None:
    """End the processes that a service started, then itself."""
    # In this order: a worker that is told to stop kills its runs, and then none of them can report that it crashed.
    end = time.monotonic() + _STOP_S
    signalled: set[int] = set()
    while (members := set(_group(leader.pid))) and time.monotonic() < end:
        for member in members - signalled:  # also those that it starts meanwhile
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGTERM)
        signalled |= members
        time.sleep(0.1)
    leader.terminate()
    with suppress(subprocess.TimeoutExpired):
        leader.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _group(leader: int) -> list[int]:
    """The other processes of the leader's group, even if the leader has ended."""
    members = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(ProcessLookupError):
            if pid != leader and os.getpgid(pid) == leader:
                members.append(pid)
    return members
