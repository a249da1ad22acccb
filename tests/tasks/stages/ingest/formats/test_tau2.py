"""tau^2 simulations, from results files and alone, without what the user did with tools."""

import copy
import json
from pathlib import Path

from schemas.rejects import RejectReason
from tests.tasks.stages.ingest.builders import TAU2, TAU2_RESULTS, ingested, metadata, reasons, roles, trajectory_of


def test_leaves_out_what_the_user_did_with_tools(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, TAU2)
    assert roles(trajectory) == ["assistant", "user", "assistant", "tool", "assistant", "user"]
    assert "check_status_bar" not in json.dumps(trajectory.messages)
    assert trajectory.messages[-1]["content"] == "It says 2G. ###STOP###"
    assert metadata(trajectory)["termination_reason"] == "user_stop"
    assert "warnings" not in metadata(trajectory)


def test_a_user_who_calls_and_speaks_keeps_the_words(tmp_path: Path) -> None:
    record = copy.deepcopy(TAU2)
    record["messages"][5]["content"] = "I look."
    assert trajectory_of(tmp_path, record).messages[5]["content"] == "I look."


def test_users_results_are_known_by_id_where_no_requestor_is_given(tmp_path: Path) -> None:
    record = copy.deepcopy(TAU2)
    del record["messages"][6]["requestor"]
    assert "2G" not in [item["content"] for item in trajectory_of(tmp_path, record).messages]


def test_results_share_policy_and_domain(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "results.json", json.dumps(TAU2_RESULTS, indent=1))
    assert reasons(outcomes) == ["taken", "taken"]
    assert {outcome.messages[0]["content"] for outcome in outcomes} == {"# Telecom policy"}
    assert {(outcome.domain, outcome.task_id, outcome.reward) for outcome in outcomes} == {("telecom", "0", 1.0)}


def test_single_task_file(tmp_path: Path) -> None:
    task = {"id": "7", "user_scenario": {"instructions": {"domain": "retail"}}}
    record = {"task": task, "run_info": {"termination_reason": "agent_error"}, "reward_info": {"reward": 0.0}}
    trajectory = trajectory_of(tmp_path, {**record, "messages": TAU2["messages"]})
    assert (trajectory.domain, trajectory.task_id, trajectory.success) == ("retail", "7", False)
    empty = ingested(tmp_path / "empty.json", json.dumps({**record, "messages": []}))
    assert reasons(empty) == [RejectReason.NO_ASSISTANT_ACTION]
