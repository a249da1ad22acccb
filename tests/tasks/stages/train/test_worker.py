"""The child of `train` as the stage starts it: real engines, on the built-in world and policy."""

from __future__ import annotations

import logging

import pytest

from schemas.config import IngestConfig
from schemas.toolsets import TOOLSETS
from schemas.training import TrainConfig
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.children.child import run_child
from tasks.policy.files import Policy, resolve
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.stages.train.stage import STAGE, TrainSpec, launcher
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig
from tests.builders import TRAJECTORIES_STAGE, NoSettings, commit_states


def desk(store: Store, episodes: int) -> Artefact:
    found = ingest(IngestConfig(source=f"world://desk?episodes={episodes}&seed=0"))
    taken = [t for t in found if isinstance(t, Trajectory)]

    def produce(writer) -> None:
        rows = {"trajectories": frame(TRAJECTORIES, [t.row() for t in taken])}
        writer.write(0, {**rows, "toolsets": frame(TOOLSETS, [taken[0].toolset_row() or {}])})

    return obtain(TRAJECTORIES_STAGE, NoSettings(), {}, store, produce)


def train(store: Store, policy: Policy, config: TrainConfig) -> tuple[Artefact, list[str]]:
    """The artefact, and what the child reported."""
    trajectories, notes = desk(store, 6), []
    states = commit_states(store, trajectories)

    def produce(writer) -> None:
        data = {"states": states.ref, "trajectories": trajectories.ref, "pivots": None, "policy": policy, "seed": 0}
        spec = TrainSpec(store=store.root, target=writer.ref, config=config, score=ScoreConfig(), **data)
        command, log = launcher(config), logging.getLogger("train")
        run_child(
            "tasks.stages.train.worker",
            spec,
            timeout_s=500,
            log=log,
            launcher=command,
            watch=lambda u: notes.append(f"{u.what} {u.done}"),
        )

    return obtain(STAGE, config, {"policy": policy.version}, store, produce), notes


@pytest.mark.engine
@pytest.mark.parametrize("tensor_parallel", [1, 2])
def test_two_processes_sample_with_an_engine_each_or_one_and_train_together(
    store: Store, tmp_path, tensor_parallel
) -> None:
    config = TrainConfig(
        steps=2,
        states_per_step=8,
        samples=4,
        max_tokens=48,
        learning_rate=1e-3,
        processes=2,
        trackers=("tensorboard",),
        engine={"tensor_parallel": tensor_parallel},
    )
    policy = resolve("desk", store)
    made, notes = train(store, policy, config)
    metrics = store.read(made.ref)
    assert notes == ["train 1", "train 2"], "one process reports"
    assert metrics["samples"].to_list() == [32, 32]
    assert metrics["grad_norm"].min() > 0
    # The first step's update moved the weights: had an engine kept the old ones, its log-probabilities would differ.
    assert metrics["sampler_mismatch"].max() < 1e-4
    names = {file.name for file in store.manifest(made.ref).files}
    assert "model.safetensors" in names and "tokenizer.json" in names
    assert list((tmp_path / "store" / "_trackers" / made.version).rglob("events.*"))
    assert not list((tmp_path / "store" / "_scratch").glob("*/*"))
