"""From episodes to rows: the name of the content, the task, the metadata."""

import json
from typing import Any

import pytest

from schemas.chat import Message, Role, ToolCall, message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected
from tasks.stages.ingest.trajectory import Trajectory, action_counts, trajectory
from tests.tasks.stages.ingest.builders import TOOL, metadata

CALL = ToolCall(id="", name="get_order", arguments='{"id": 17}')
MESSAGES: list[Message] = [
    message(Role.USER, "Where is order 17?"),
    message(Role.ASSISTANT, "I look."),
    message(Role.ASSISTANT, tool_calls=[CALL]),
    message(Role.TOOL, "shipped"),
    message(Role.ASSISTANT, "It has shipped."),
]
OTHER_KEY_ORDER = dict(reversed(TOOL.items()))


def trajectory_with(uri: str = "file:///a.json", default_domain: str = "", **fields: Any) -> Trajectory:
    return trajectory(Episode(**{"messages": MESSAGES, **fields}), "openai", uri, 0, default_domain)


def test_messages_are_merged_and_linked() -> None:
    assert [item["role"] for item in trajectory_with().messages] == ["user", "assistant", "tool", "assistant"]
    assert (
        trajectory_with().messages[2]["tool_call_id"]
        == trajectory_with().messages[1]["tool_calls"][0]["id"]
        == "call-0"
    )
    assert action_counts(trajectory_with().messages) == (2, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"task_id": "58", "domain": "retail", "reward": 1.0, "metadata": {"trial": 2}},
        {"messages": [*MESSAGES, message(Role.USER, "###STOP###")]},
    ],
)
def test_the_name_ignores_what_the_policy_cannot_learn_from(fields: dict[str, Any]) -> None:
    assert (
        trajectory_with(**fields).trajectory_id
        == trajectory_with().trajectory_id
        == trajectory_with("file:///b.json").trajectory_id
    )


def test_the_name_ignores_the_order_of_keys_in_tools_only() -> None:
    names = {trajectory_with(tools=tools).trajectory_id for tools in ([TOOL], [OTHER_KEY_ORDER])}
    assert len(names) == 1 and trajectory_with().trajectory_id not in names
    assert (
        trajectory_with(messages=[*MESSAGES[:-1], message(Role.ASSISTANT, "No.")]).trajectory_id
        != trajectory_with().trajectory_id
    )


def test_equal_tools_are_one_toolset_and_no_tools_are_none() -> None:
    row = trajectory_with(tools=[TOOL]).toolset_row()
    assert row == trajectory_with(tools=json.dumps([TOOL])).toolset_row()
    assert row is not None and json.loads(row["tools"])[0]["function"] == TOOL
    assert trajectory_with().toolset_row() is None and trajectory_with().toolset_id == ""


def test_task_and_domain_of_the_record_go_before_other_sources() -> None:
    assert trajectory_with("file:///runs/issue-7.traj").task_id == "issue-7"
    assert trajectory_with("file:///runs/issue-7.traj", task_id="58").task_id == "58"
    assert (
        trajectory_with(default_domain="desk").domain,
        trajectory_with(default_domain="desk", domain="retail").domain,
    ) == (
        "desk",
        "retail",
    )


def test_the_metadata_names_the_format_and_counts_the_warnings() -> None:
    assert metadata(trajectory_with(metadata={"trial": 2})) == {"format": "openai", "trial": 2}
    assert metadata(trajectory_with(messages=MESSAGES[:3])) == {
        "format": "openai",
        "warnings": {"calls_without_result": 1},
    }


def test_an_episode_without_an_action_is_rejected() -> None:
    with pytest.raises(Rejected, match="1 messages, none by the assistant") as caught:
        trajectory_with(messages=MESSAGES[:1])
    assert caught.value.reason is RejectReason.NO_ASSISTANT_ACTION
