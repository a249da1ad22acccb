"""SWE-agent's `.traj` files, with and without a history, and the instance that they are of."""

import gzip
import json
from pathlib import Path

import pytest

from tests.tasks.stages.ingest.builders import SWE_AGENT, USER, ingested, metadata, roles, trajectory_of


def test_history(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, SWE_AGENT)
    assert roles(trajectory) == ["system", "user", "assistant", "tool"]
    assert trajectory.messages[1]["content"] == "Fix it."
    assert trajectory.messages[2]["reasoning"] == ""
    assert trajectory.messages[3]["tool_call_id"] == "c1"
    assert trajectory.messages[3]["content"].endswith("\r\n")
    assert (trajectory.success, metadata(trajectory)["exit_status"]) == (None, "submitted")


def test_without_history_reads_the_last_step(tmp_path: Path) -> None:
    query = [USER, {"role": "assistant", "content": "ls"}, {"role": "user", "content": "f.py"}]
    steps = [{"query": query[:1], "response": "ls"}, {"query": query, "response": "submit"}]
    trajectory = trajectory_of(tmp_path, {"trajectory": steps, "info": {}})
    assert [item["content"] for item in trajectory.messages] == ["Where is order 17?", "ls", "f.py", "submit"]
    repeated = trajectory_of(tmp_path, {"trajectory": [{"messages": query[:2]}, {"messages": query}]})
    assert [item["content"] for item in repeated.messages] == ["Where is order 17?", "ls", "f.py"]


INSTANCE = "marshmallow-code__marshmallow-1867"


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (f"{INSTANCE}.traj", INSTANCE),
        (f"gpt4__default__t-0.20__c-2.00__install-1__{INSTANCE}.traj", INSTANCE),
        ("pandas-dev__pandas.95280573.pr_53652.traj", "pandas-dev__pandas.95280573.pr_53652"),
        ("github_issue.traj.json", "github_issue"),
        (f"{INSTANCE}.traj.gz", INSTANCE),
        (f"{INSTANCE}.json", ""),
    ],
)
def test_a_traj_file_is_named_after_its_instance(tmp_path: Path, name: str, task: str) -> None:
    content = json.dumps(SWE_AGENT).encode()
    [trajectory] = ingested(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
    assert trajectory.task_id == task


def test_an_instance_in_the_record_goes_before_the_name_of_the_file(tmp_path: Path) -> None:
    config = json.dumps({"problem_statement": {"id": "i2"}})
    for number, (fields, task) in enumerate(
        [
            ({"instance_id": "i1", "replay_config": config}, "i1"),
            ({"replay_config": config}, "i2"),
            ({"replay_config": json.loads(config)}, "i2"),
            ({"replay_config": "{"}, "run-3"),
        ]
    ):
        [trajectory] = ingested(tmp_path / f"run-{number}.traj", json.dumps({**SWE_AGENT, **fields}))
        assert trajectory.task_id == task
