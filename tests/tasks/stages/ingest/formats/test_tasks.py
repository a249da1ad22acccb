"""What names the task in each format: attempts at one task must be told by it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.stages.ingest.builders import OPENAI, OPENHANDS, RESPONSES, SHAREGPT, SWE_AGENT, USER, ingested, one


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({"task_id": "58", "id": "row-1"}, "58"),
        ({"instance_id": "i1"}, "i1"),
        ({"task": {"id": "7"}}, "7"),
        ({"id": "row-1", "uuid": "u1", "trajectory_id": "t1"}, ""),
    ],
)
def test_responses_pivot_rows_name_their_task_or_only_themselves(
    tmp_path: Path, fields: dict[str, Any], task: str
) -> None:
    assert one(tmp_path, {**RESPONSES, **fields}).task_id == task


def test_the_id_of_a_rollout_is_its_task_and_that_of_a_logged_answer_is_not(tmp_path: Path) -> None:
    output = [{"type": "message", "role": "assistant", "content": "Done."}]
    params = RESPONSES["responses_create_params"]
    rollout = {"id": "aime-0", "responses_create_params": params, "response": {"output": output}}
    assert one(tmp_path, rollout).task_id == "aime-0"
    assert one(tmp_path, {"id": "resp_1", "input": params["input"], "output": output}).task_id == ""


@pytest.mark.parametrize("record", [OPENAI, SHAREGPT], ids=["openai", "sharegpt"])
def test_the_id_of_a_row_is_kept_and_is_no_task(tmp_path: Path, record: dict[str, Any]) -> None:
    found = one(tmp_path, {**record, "task_id": None, "id": "chatcmpl-1"})
    assert (found.task_id, json.loads(found.metadata_json)["id"]) == ("", "chatcmpl-1")


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
    [found] = ingested(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
    assert found.task_id == task


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
        [found] = ingested(tmp_path / f"run-{number}.traj", json.dumps({**SWE_AGENT, **fields}))
        assert found.task_id == task


def test_toolbench_branches_of_one_query_are_one_task(tmp_path: Path) -> None:
    def branch(query: str, answer: str) -> dict[str, Any]:
        messages = [[USER, {"role": "assistant", "content": answer}]]
        return {"win": True, "answer_generation": {"query": query, "train_messages": messages}}

    records = [branch("Find it.", "one"), branch("Find it.", "two"), branch("Sell it.", "three"), branch("", "four")]
    tasks = [found.task_id for found in ingested(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))]
    assert tasks[0] == tasks[1] != tasks[2] and tasks[0].startswith("query-")
    assert tasks[3] == ""


def test_openhands_resolver_records_are_of_their_issue(tmp_path: Path) -> None:
    issue = {"owner": "neubig", "repo": "pr-viewer", "number": 5, "title": "Add a licence"}
    assert one(tmp_path, {"issue": issue, "history": OPENHANDS}).task_id == "neubig/pr-viewer#5"
    assert one(tmp_path, {"issue": "5", "history": OPENHANDS}).task_id == ""
    assert one(tmp_path, {"instance_id": "i1", "issue": issue, "history": OPENHANDS}).task_id == "i1"
