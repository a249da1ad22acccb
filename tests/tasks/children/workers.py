"""Worker modules' work for the tests of `child`: run as `python -m tests.tasks.children.workers SPEC`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pydantic import BaseModel

from tasks import errors
from tasks.children.child import enter
from tasks.children.progress import Update, alive, report

SLEEPER = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]


class Spec(BaseModel):
    """What to do, and where to leave notes; `each` process its own."""

    act: str
    notes: str = ""
    each: bool = False


def note(spec: Spec, name: str, text: str = "") -> None:
    Path(spec.notes, f"{name}-{os.getpid()}" if spec.each else name).write_text(text)


def prefixed() -> None:
    """As a launcher that names its processes passes their lines on."""
    print("[rank 0] ", end="")
    alive()


def work(spec: Spec) -> None:
    if spec.act in vars(errors):
        raise vars(errors)[spec.act]("a text that says what")
    if spec.act == "progress":
        print("some library's line")
        print('@pivotrl-progress {"what": "cut short', flush=True)
        for done in (1, 2, 3):
            report(Update("rollout", done, 3, f"note {done}", {"n": float(done)}))
    elif spec.act in ("long", "prefixed", "chatter"):
        say = {"long": alive, "prefixed": prefixed, "chatter": lambda: print("still waiting", flush=True)}[spec.act]
        for _ in range(16 if spec.act != "chatter" else 600):
            say()
            time.sleep(0.5)
    elif spec.act == "where":
        note(spec, "where", f"{Path.cwd()}\n{__file__}")
    elif spec.act == "crash":
        for number in range(100):
            print(f"line {number}")
        raise ZeroDivisionError("a bug")
    elif spec.act == "segfault":
        print("before the fault", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif spec.act == "oom":
        os.kill(os.getpid(), signal.SIGKILL)
    elif spec.act in ("orphan", "hang"):
        started = subprocess.Popen(SLEEPER)
        note(spec, "pids", f"{os.getpid()} {started.pid}")
        if spec.act == "hang":
            with tempfile.TemporaryDirectory() as workspace:
                note(spec, "workspace", workspace)
                time.sleep(600)


if __name__ == "__main__":
    enter(Spec, work)
