"""Garbage that blocks whoever collects it does not block the thread that made it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import ROOT

PROGRAM = """
import gc, threading, time
from flows.server.prefect_server import collect_aside

released, collected = threading.Event(), []

class Blocking:
    def __init__(self):
        self.cycle = self
    def __del__(self):
        collected.append(threading.current_thread())
        released.wait(60)

collector = collect_aside()
for _ in range(100_000):  # Python's own collector would have run in this thread many times over
    Blocking() if not _ else [[]].append([])
while not collected:
    time.sleep(0.01)
assert collected == [collector] and not gc.isenabled()
released.set()
"""


def test_garbage_is_collected_in_a_thread_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_is_prefects_command() -> None:
    line = [sys.executable, "-m", "flows.server.prefect_server", "server", "start", "--help"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "--port" in done.stdout, done.stderr
