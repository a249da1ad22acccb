"""Real trajectories, where they are beside the checkout: no task of theirs is on both sides of the split."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.chat import Role
from schemas.config import IngestConfig, SplitConfig
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.stages.split.cut import states_of

DATA = Path(__file__).parents[4].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the real trajectories are not in the repository")


def taken(source: Path | str) -> Iterator[Trajectory]:
    outcomes = ingest(IngestConfig(source=str(source)))
    return (outcome for outcome in outcomes if isinstance(outcome, Trajectory))


def side(trajectory: Trajectory, **settings: Any) -> str:
    (split,) = {row["split"] for row in states_of(trajectory.row(), SplitConfig(**settings))}
    return str(split)


@pytest.mark.parametrize(
    ("files", "task", "attempts"),
    [
        ("swe_agent/*marshmallow-1867*.traj", "marshmallow-code__marshmallow-1867", 8),
        ("nemo_gym/anyswe_agent__*", "astropy__astropy-12907", 12),
        ("swe_smith/*", "pandas-dev__pandas.95280573.pr_53652", 2),
        ("tau*/**", "0", 10),
    ],
)
def test_attempts_at_one_task_have_its_name_and_one_side(files: str, task: str, attempts: int) -> None:
    trajectories = [trajectory for trajectory in taken(DATA / files) if trajectory.task_id == task]
    assert len(trajectories) == attempts
    assert len(set(map(side, trajectories))) == 1


def test_branches_of_a_toolbench_search_are_one_task() -> None:
    tasks = [
        trajectory.task_id for trajectory in taken(DATA / "toolbench" / "G3_answer__13_ChatGPT_DFS_woFilter_w2.json")
    ]
    assert len(tasks) == 2 and len(set(tasks)) == 1 and tasks[0]


def pivot_rows(trajectory: Trajectory) -> Iterator[dict[str, Any]]:
    """A trajectory's calls as NVIDIA publishes such: one row per call, with a uuid and all that precedes it."""
    items: list[dict[str, Any]] = []
    for message in trajectory.messages:
        calls = [{"type": "function_call", "call_id": c["id"], **c} for c in message["tool_calls"]]
        if calls:
            asked = {"input": list(items), "tools": json.loads(trajectory.tools_json)}
            yield {
                "uuid": f"{trajectory.trajectory_id}-{len(items)}",
                "responses_create_params": asked,
                "expected_action": calls[0],
            }
        elif message["role"] == Role.TOOL:
            output = {"call_id": message["tool_call_id"], "output": message["content"]}
            items.append({"type": "function_call_output", **output})
        else:
            items.append({"role": message["role"], "content": message["content"]})
        items += calls


@pytest.mark.parametrize("by", ["task", "trajectory"])
def test_pivot_rows_of_one_trajectory_are_on_one_side(tmp_path: Path, by: str) -> None:
    rows = [row for trajectory in taken(DATA / "tau2_sft") for row in pivot_rows(trajectory)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sides = defaultdict(set)
    read = list(taken(tmp_path / "rows.jsonl"))
    for trajectory in read:
        sides[rows[trajectory.source_record]["uuid"].partition("-")[0]].add(side(trajectory, by=by))
    assert (len(read), len(sides)) == (151, 27)
    assert all(len(both) == 1 for both in sides.values())
    assert set.union(*sides.values()) == {"train", "validation"}
