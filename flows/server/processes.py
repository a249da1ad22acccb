"""Prefect's own processes, as `pivotrl up` runs them: each with a log, watched, and stopped with all it started."""

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
_LEAST_HEARTBEAT_S = 30


@dataclass(frozen=True, slots=True)
class Part:
    """A process with the file that it prints to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            PivotRLError: it ended; the text has the last lines it printed.
        """
        status = self.process.poll()
        if status is not None:
            raise PivotRLError(f"Prefect's {self.name} ended with status {status}:\n{last_lines(self.log)}")


@contextmanager
def running(
    name: str, arguments: list[str], environment: Mapping[str, str], folder: Path, module: str = "prefect"
) -> Iterator[Part]:
    """`prefect ARGUMENTS`, by that module, printing to `folder/NAME.log`, until the block ends.

    It has a session of its own: Ctrl-C in the terminal reaches the caller alone, who ends one after the other.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--no-prompt", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        yield Part(name, process, log)
    finally:
        print(f"Stopping the {name}", flush=True)
        _stop(process)


def heartbeat() -> dict[str, str]:
    """Seconds between a run's signs of life, as the variable that says it: the environment's, or the fewest there are.

    Raises:
        ConfigurationError: the environment's is not a number of seconds that Prefect takes.
    """
    given = os.environ.get(_HEARTBEAT) or str(_LEAST_HEARTBEAT_S)
    if not given.isdecimal() or int(given) < _LEAST_HEARTBEAT_S:
        raise ConfigurationError(f"{_HEARTBEAT}={given}: give whole seconds, {_LEAST_HEARTBEAT_S} at least")
    return {_HEARTBEAT: given}


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, for an error's text."""
    return "\n".join([*log.read_text(errors="replace").splitlines()[-count:], f"(all of it: {log})"])


def server_logging(folder: Path) -> dict[str, str]:
    """Prefect's logging with one logger in a file of its own, of 2 MB at most: attempts that failed and are made again.

    On SQLite that is 100 lines at every poll of a worker, to no harm (PrefectHQ/prefect#22967, mended after the version
    pinned here); but what keeps failing stands there too.
    """
    found = find_spec("prefect")
    assert found is not None and found.origin is not None
    settings = yaml.safe_load(Path(found.origin).with_name("logging").joinpath("logging.yml").read_text())
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
    """The kernel's SIGTERM to a child whose parent was killed by SIGKILL and could not stop it."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(leader: subprocess.Popen[bytes]) -> None:
    """First what it started: told to stop, a worker kills its runs, and then none of them can say that it crashed."""
    end = time.monotonic() + _STOP_S
    told: set[int] = set()
    while (members := set(_led_by(leader.pid))) and time.monotonic() < end:
        for member in members - told:  # also those that it starts meanwhile
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGTERM)
        told |= members
        time.sleep(0.1)
    leader.terminate()
    with suppress(subprocess.TimeoutExpired):
        leader.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _led_by(leader: int) -> list[int]:
    """The other processes of its group, also where it has ended."""
    found = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(ProcessLookupError):
            if pid != leader and os.getpgid(pid) == leader:
                found.append(pid)
    return found
