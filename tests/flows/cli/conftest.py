"""Stores to run commands on, and `pivotrl` in this process."""

from __future__ import annotations

import pytest

from flows import cli
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory
from tests.pivots import HALF, commit_pivots, conversation


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit status of `pivotrl ARGUMENTS`, its standard output and its standard error."""
    status = cli.main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def filled(store: Store) -> Store:
    """Three trajectories in two parts, and their six states."""
    trajectories = commit_trajectories(store, [[trajectory(0), trajectory(1)], [trajectory(2)]])
    commit_states(store, trajectories)
    return store


@pytest.fixture
def selected(store: Store) -> Store:
    """Two sets of pivots: one state, tagged `small`, and two."""
    parts = [[trajectory(0, conversation(0)), trajectory(1, conversation(1))]]
    store.tag(commit_pivots(store, parts, {(0, 1): HALF}).ref, "small")
    commit_pivots(store, parts, {(0, 1): HALF, (1, 2): HALF})
    return store
