"""ToolTalk conversations: each API call is an action before the words."""

from pathlib import Path

from tests.tasks.stages.ingest.builders import EXAMPLES, roles, trajectory_of


def test_calls_come_before_the_words(tmp_path: Path) -> None:
    trajectory = trajectory_of(tmp_path, EXAMPLES["tooltalk"])
    assert roles(trajectory) == ["user", "assistant", "tool", "assistant"]
    assert trajectory.messages[2]["content"] == '{"event_id":"e1"}'
    assert trajectory.task_id == "CreateEvent-easy"
