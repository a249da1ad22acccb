"""From the UI: a run whose worker died is marked crashed, a retry goes on where it was, and a cancelled run leaves no
process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import SMALL
from tests.servers import Up, command_line, descendants, eventually, pivotrl_up

pytestmark = [pytest.mark.engine, pytest.mark.server, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def settings(home: Path) -> dict[str, Any]:
    return {**SMALL, "store": str(home / "store")}


@pytest.fixture(scope="module")
def killed(home: Path, settings: dict[str, Any]) -> str:
    """A run that sampled when its worker, its own process and its engine were killed with SIGKILL."""
    with pivotrl_up(home) as up:
        run = up.submit("pivotrl", preset="none", config=settings, until="rollouts")
        eventually(lambda: engines(up), 300)
        below = descendants(up.process.pid)
        for pid in (pid for pid, line in below.items() if "server start" not in line):
            os.kill(pid, signal.SIGKILL)
        assert up.process.wait(120) == 1
        assert "pivotrl: Prefect's worker ended with status -9:\n" in up.output()
        assert f"(all of it: {home / 'pivotrl' / 'worker.log'})" in up.output()
        assert not any(map(command_line, below))
    return run


@pytest.fixture(scope="module")
def up(home: Path, killed: str) -> Iterator[Up]:
    with pivotrl_up(home) as up:
        yield up


def engines(up: Up) -> list[int]:
    return [pid for pid, line in descendants(up.process.pid).items() if "tasks.stages.rollout.worker" in line]


def test_a_run_whose_worker_was_killed_is_crashed_and_a_retry_completes_it(up: Up, killed: str) -> None:
    assert up.ended(killed) == "Crashed"
    assert "No heartbeat" in up.api(f"/flow_runs/{killed}")["state"]["message"]
    # The dead holder's slot comes free with its lease, ten minutes after the last renewal; here at once.
    for lease in (up.home / "concurrency_leases").glob("*-*.json"):
        up.api("/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease.stem})
    up.set_state(killed, "SCHEDULED", "AwaitingRetry")
    assert up.ended(killed) == "Completed"
    assert up.stages(killed) == {**dict.fromkeys(("ingest", "split", "check"), "Cached"), "rollout": "Completed"}
    assert eventually(lambda: up.api("/v2/concurrency_limits/gpu"), 1)["active_slots"] == 0


def test_cancel_ends_the_children_and_frees_the_accelerator(up: Up, killed: str, settings: dict[str, Any]) -> None:
    long = {**settings, "rollout": {"samples": 256, "max_tokens": 64}}
    run = up.submit("pivotrl", preset="none", config=long, until="rollouts")
    (engine,) = eventually(lambda: engines(up), 300)
    waiting = up.submit("pivotrl", preset="none", config={**settings, "seed": 2}, until="rollouts")
    eventually(lambda: up.stages(waiting).get("rollout") == "Running", 300)
    time.sleep(5)
    assert engines(up) == [engine], "one accelerator, one engine"
    up.set_state(run, "CANCELLING", "Cancelling")
    assert up.ended(run) == "Cancelled"
    assert not command_line(engine)
    assert up.ended(waiting) == "Completed"
