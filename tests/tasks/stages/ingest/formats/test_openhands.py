"""OpenHands event streams: one action per model response."""

import json
from pathlib import Path

from schemas.rejects import RejectReason
from tests.tasks.stages.ingest.builders import OPENHANDS, ingested, metadata, roles, trajectory_of


def test_events_of_one_response_are_one_action(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, OPENHANDS)
    assert roles(trajectory) == ["system", "user", "assistant", "tool", "tool"]
    assert [item["tool_call_id"] for item in trajectory.messages[3:]] == ["c1", "c2"]
    assert trajectory.toolset_id
    assert metadata(trajectory)["skipped_events"] == 1


def test_without_the_models_words_is_rejected(tmp_path: Path) -> None:
    events = [*OPENHANDS[:2], {"action": "run", "command": "ls", "thought": "I look."}]
    [reject] = ingested(tmp_path / "old.json", json.dumps({"history": events}))
    assert reject.reason is RejectReason.UNKNOWN_FORMAT
    assert "event 2" in reject.detail


def test_resolver_records_are_of_their_issue(tmp_path: Path) -> None:
    issue = {"owner": "neubig", "repo": "pr-viewer", "number": 5, "title": "Add a licence"}
    assert trajectory_of(tmp_path, {"issue": issue, "history": OPENHANDS}).task_id == "neubig/pr-viewer#5"
    assert trajectory_of(tmp_path, {"issue": "5", "history": OPENHANDS}).task_id == ""
    assert trajectory_of(tmp_path, {"instance_id": "i1", "issue": issue, "history": OPENHANDS}).task_id == "i1"
