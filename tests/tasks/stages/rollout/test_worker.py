"""The child of `rollout` as the stage starts it: real engines, on the built-in world and policy."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from schemas.config import IngestConfig, RolloutConfig
from schemas.rollouts import ROLLOUTS
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.children.child import run_child
from tasks.children.progress import Update, parse
from tasks.errors import NotInStore
from tasks.policy.files import Policy, resolve
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.stages.rollout.sampling import PartResult
from tasks.stages.rollout.stage import STAGE, RolloutSpec, inputs
from tasks.stages.rollout.worker import Reporter, work
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import TRAJECTORIES_STAGE, NoSettings, commit_states, commit_trajectories, trajectory

PARTS = 4


def desk(store: Store) -> Artefact:
    """A trajectory of the built-in world in each part."""
    records = ingest(IngestConfig(source=f"world://desk?episodes={PARTS}&seed=0"))
    episodes = [t for t in records if isinstance(t, Trajectory)]

    def produce(writer: Any) -> None:
        for index, episode in enumerate(episodes):
            toolsets = [episode.toolset_row() or {}] if index == 0 else []
            writer.write(
                index, {"trajectories": frame(TRAJECTORIES, [episode.row()]), "toolsets": frame(TOOLSETS, toolsets)}
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
    resumed, told = rollouts(together, 2)
    assert len(told) < PARTS, "what was finished before the kill is not sampled again"
    assert [update.done for update in told] == list(range(PARTS - len(told) + 1, PARTS + 1))
    assert resumed.version == expected.version
    rows = together.read(resumed.ref)
    assert rows.equals(alone.read(expected.ref)), "log-probabilities included, bit for bit"
    assert rows["trajectory_id"].n_unique() == PARTS and rows["text"].n_unique() > PARTS


def test_the_parent_is_told_how_many_parts_are_done_and_what_an_earlier_run_had(
    capfd: pytest.CaptureFixture[str],
) -> None:
    reporter = Reporter(done=2, total=5, samples=8)
    for part in (PartResult(1200, 0), PartResult(300, 500), PartResult(0, 1000)):
        reporter(part)
    updates = [parse(line) for line in capfd.readouterr().out.splitlines()]
    assert [(update.done, update.total, update.note) for update in updates if update] == [
        (3, 5, "1,200 states x 8"),
        (4, 5, "1,500 states x 8, 500 states sampled before"),
        (5, 5, "1,500 states x 8, 1,500 states sampled before"),
    ]


def test_a_run_that_was_stopped_before_its_commit_needs_no_policy(store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(part)] for part in range(2)])
    states = commit_states(store, trajectories)
    target = Ref(stage="rollouts", version="00000000000000aa")
    refs = {"target": target, "states": states.ref, "trajectories": trajectories.ref}
    nowhere = Policy(location="policies@00000000000000bb", version="none")
    spec = RolloutSpec(store=store.root, **refs, policy=nowhere, config=RolloutConfig(), seed=0)
    writer = Writer(store, target, STAGE.tables)
    writer.write(0, {"rollouts": frame(ROLLOUTS, [])})
    with pytest.raises(NotInStore):
        work(spec)
    writer.write(1, {"rollouts": frame(ROLLOUTS, [])})
    work(spec)
