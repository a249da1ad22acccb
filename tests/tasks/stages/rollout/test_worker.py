"""The child of `rollout` as the stage starts it: real engines, on the built-in world and policy."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from schemas.config import IngestConfig, RolloutConfig
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.children.child import run_child
from tasks.children.progress import Update
from tasks.policy.files import resolve
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.stages.rollout.stage import STAGE, RolloutSpec, inputs
from tasks.store.store import Store
from tests.builders import TRAJECTORIES_STAGE, NoSettings, commit_states

PARTS = 4


def desk(store: Store) -> Artefact:
    """A trajectory of the built-in world in each part."""
    found = ingest(IngestConfig(source=f"world://desk?episodes={PARTS}&seed=0"))
    taken = [t for t in found if isinstance(t, Trajectory)]

    def produce(writer: Any) -> None:
        for index, one in enumerate(taken):
            toolsets = [one.toolset_row() or {}] if index == 0 else []
            writer.write(
                index, {"trajectories": frame(TRAJECTORIES, [one.row()]), "toolsets": frame(TOOLSETS, toolsets)}
            )

    return obtain(TRAJECTORIES_STAGE, NoSettings(), {}, store, produce)


class Killed(Exception):
    """Where a test stops a run."""


def rollouts(store: Store, processes: int, *, killed_after: int = PARTS + 1) -> tuple[Artefact, list[Update]]:
    """The artefact, and what the child reported; `Killed` after so many reports."""
    trajectories, seen = desk(store), []
    states, policy = commit_states(store, trajectories), resolve("desk", store)
    config = RolloutConfig(samples=4, max_tokens=32, processes=processes)

    def watch(update: Update) -> None:
        seen.append(update)
        if len(seen) == killed_after:
            raise Killed

    def produce(writer: Any) -> None:
        data = {"states": states.ref, "trajectories": trajectories.ref, "policy": policy, "config": config, "seed": 7}
        spec = RolloutSpec(store=store.root, target=writer.ref, **data)
        run_child("tasks.stages.rollout.worker", spec, timeout_s=500, log=logging.getLogger("rollout"), watch=watch)

    return obtain(STAGE, config, inputs(states.ref, policy, 7), store, produce), seen


@pytest.mark.engine
def test_two_processes_go_on_where_one_was_killed_and_give_the_rows_of_one(tmp_path: Path) -> None:
    alone, together = Store(str(tmp_path / "alone")), Store(str(tmp_path / "together"))
    expected, told = rollouts(alone, 1)
    assert [(update.done, update.total) for update in told] == [(n, PARTS) for n in range(1, PARTS + 1)]

    with pytest.raises(Killed):
        rollouts(together, 1, killed_after=1)
    found, told = rollouts(together, 2)
    assert len(told) < PARTS, "what was finished before the kill is not sampled again"
    assert [update.done for update in told] == list(range(PARTS - len(told) + 1, PARTS + 1))
    assert found.version == expected.version
    rows = together.read(found.ref)
    assert rows.equals(alone.read(expected.ref)), "log-probabilities included, bit for bit"
    assert rows["trajectory_id"].n_unique() == PARTS and rows["text"].n_unique() > PARTS
