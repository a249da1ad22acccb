"""OpenAI messages under every key and from every container."""

import json
from pathlib import Path

import pytest

from tests.tasks.stages.ingest.builders import OPENAI, ingested, metadata, roles, said, trajectory_of


@pytest.mark.parametrize("key", ["messages", "traj", "conversations", "conversation"])
def test_under_every_key(tmp_path: Path, key: str) -> None:
    trajectory = trajectory_of(tmp_path, {key: OPENAI["messages"]})
    assert roles(trajectory) == ["system", "user", "assistant", "tool", "assistant"]


def test_fields(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, {**OPENAI, "domain": "retail", "world": "desk", "trial": 2})
    assert (trajectory.task_id, trajectory.domain, trajectory.world, trajectory.reward, trajectory.success) == (
        "58",
        "retail",
        "desk",
        1.0,
        True,
    )
    assert metadata(trajectory) == {"format": "openai", "trial": 2}


def test_splits_are_records_with_their_split(tmp_path: Path) -> None:
    splits = {"splits": {"train": [said("one")], "test": [said("two")]}}
    outcomes = ingested(tmp_path / "splits.json", json.dumps(splits))
    assert [metadata(outcome)["split"] for outcome in outcomes] == ["train", "test"]
