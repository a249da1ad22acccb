"""The `pivotrl` command in a process of its own, with a small configuration and a real Prefect server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.store.store import Store
from tests.flows.growing import GrowingData
from tests.servers import ROOT, Up, pivotrl_up

SMALL = {
    "model": "desk",
    "ingest": {"source": "world://desk?episodes=24&seed=1", "part_size": 8},
    "rollout": {"samples": 4, "max_tokens": 64},
    "select": {"max_mean": 1.0},
    "train": {"steps": 2, "states_per_step": 4, "samples": 4, "max_tokens": 64, "learning_rate": 5e-4},
    "evaluate": {
        "states": 16,
        "samples": 2,
        "max_tokens": 64,
        "worlds": ["desk"],
        "episodes": 2,
        "skills": ["addition"],
        "items": 4,
    },
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with pivotrl_up(tmp_path_factory.mktemp("up")) as up:
        yield up


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


@pytest.fixture(scope="session")
def growing_data(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> GrowingData:
    """One for all tests that use it, so that what one of them trained and measured is there for the next."""
    folder = tmp_path_factory.mktemp("growing")
    (folder / "source").mkdir()
    growing = GrowingData(Store(str(folder / "store")), folder / "source", server["PREFECT_API_URL"])
    growing.add("monday.jsonl", 16, seed=1)
    return growing


@pytest.fixture(scope="module")
def growing(growing_data: GrowingData) -> Iterator[GrowingData]:
    """The same, with the flows of this process on its server."""
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    with temporary_settings({PREFECT_API_URL: growing_data.api_url, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield growing_data


def command(*arguments: str) -> list[str]:
    """The command line of `pivotrl` from this checkout."""
    return [sys.executable, "-m", "flows.cli", *arguments]


def pivotrl(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(command(*arguments), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object on standard output of a command that succeeded."""
    assert done.returncode == 0, done.stderr[-4000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def cached(document: dict[str, Any]) -> dict[str, bool]:
    """Stage to whether it was reused; the two evaluations count as one, reused when both were."""
    by_stage: dict[str, bool] = {}
    for row in document["stages"]:
        by_stage[row["stage"]] = by_stage.get(row["stage"], True) and row["cached"]
    return by_stage
