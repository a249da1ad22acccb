"""Time of a run through `pivotrl up` that finds every stage made: from submit to completed, and where it goes.

    python -m tests.bench.bench_cached_run

The small configuration of the tests, which has the stages of the demonstration; one run that makes them, then five that
find them, median and range. The goal is 15 s. Most of it is Python importing Prefect in the run's process.
"""

from __future__ import annotations

import statistics
import tempfile
from datetime import datetime
from pathlib import Path

from tests.flows.conftest import SMALL
from tests.servers import Up, pivotrl_up

REPEATS = 5
LEGS = {"worker takes it up": "Pending", "its process starts": "Running", "every stage is found": "Completed"}


def seconds(up: Up, run: str) -> dict[str, float]:
    """Seconds from the submit until the run entered each of the states."""
    states = up.api(f"/flow_run_states/?flow_run_id={run}")
    at = {state["name"]: datetime.fromisoformat(state["timestamp"]) for state in reversed(states)}
    return {name: (moment - at["Scheduled"]).total_seconds() for name, moment in at.items()}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, pivotrl_up(Path(folder)) as up:
        settings = {**SMALL, "store": f"{folder}/store"}
        runs = [up.submit("pivotrl", preset="none", config=settings)]
        assert up.ended(runs[0], 1800) == "Completed"
        for _ in range(REPEATS):
            runs.append(up.submit("pivotrl", preset="none", config=settings))
            assert up.ended(runs[-1]) == "Completed"
            assert set(up.stages(runs[-1]).values()) == {"Cached"}
        measured = [seconds(up, run) for run in runs[1:]]
    print(f"{'seconds since submit':>22}")
    for leg, state in LEGS.items():
        values = [run[state] for run in measured]
        print(f"{leg:>22} {statistics.median(values):6.1f} ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
