"""From an episode to a row of `trajectories`: merged, linked, and named by its content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.chat import Message, Role
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected, content_id, json_text
from tasks.stages.ingest.formats.swe_agent import instance_of
from tasks.stages.ingest.linkage import linked, merged
from tasks.stages.ingest.tools import tools_json


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode with at least one assistant action.

    The fields are the columns of schemas/trajectories.py. In addition, `tools_json` is the text that `toolset_id`
    stands for; both are "" for no tools.
    """

    trajectory_id: str
    task_id: str
    domain: str
    world: str
    source_uri: str
    source_record: int
    messages: tuple[Message, ...]
    tools_json: str
    toolset_id: str
    reward: float | None
    success: bool | None
    metadata_json: str

    def row(self) -> dict[str, Any]:
        """The row of the `trajectories` table."""
        return {
            "trajectory_id": self.trajectory_id,
            "task_id": self.task_id,
            "domain": self.domain,
            "world": self.world,
            "source_uri": self.source_uri,
            "source_record": self.source_record,
            "messages": list(self.messages),
            "toolset_id": self.toolset_id,
            "reward": self.reward,
            "success": self.success,
            "metadata": self.metadata_json,
        }

    def toolset_row(self) -> dict[str, Any] | None:
        """The row of the `toolsets` table; None for a trajectory without tools."""
        return {"toolset_id": self.toolset_id, "tools": self.tools_json} if self.tools_json else None


def trajectory(
    episode: Episode, format_name: str, source_uri: str, source_record: int, default_domain: str
) -> Trajectory:
    """The trajectory of an episode. Where the record names no task, the name of a `.traj` file does.

    Raises:
        Rejected: no_assistant_action, malformed_tools.
    """
    messages, warnings = linked(merged(episode.messages))
    if not any(item["role"] == Role.ASSISTANT for item in messages):
        raise Rejected(RejectReason.NO_ASSISTANT_ACTION, f"{len(messages)} messages, none by the assistant")
    tools = tools_json(episode.tools)
    metadata = {**episode.metadata, "format": format_name} | ({"warnings": warnings} if warnings else {})
    return Trajectory(
        trajectory_id=_trajectory_id(messages, tools),
        task_id=episode.task_id or instance_of(source_uri),
        domain=episode.domain or default_domain,
        world=episode.world,
        source_uri=source_uri,
        source_record=source_record,
        messages=tuple(messages),
        tools_json=tools,
        toolset_id=content_id(tools.encode()) if tools else "",
        reward=episode.reward,
        success=episode.success,
        metadata_json=json_text(dict(sorted(metadata.items()))),
    )


def action_counts(messages: Sequence[Message]) -> tuple[int, int]:
    """(actions, actions with a tool call). An action is one assistant message, since runs of them are merged."""
    actions = [item for item in messages if item["role"] == Role.ASSISTANT]
    return len(actions), sum(bool(item["tool_calls"]) for item in actions)


def _trajectory_id(messages: Sequence[Message], tools: str) -> str:
    """A hash of what the policy can learn from: the tools, and the messages up to the last action."""
    # Task, reward, source and what follows the last action do not count: tau^2 publishes the same episodes with and
    # without a task id and the user's closing message, and these are one trajectory. Nor does key order in the tools.
    last = max(index for index, item in enumerate(messages) if item["role"] == Role.ASSISTANT)
    schemas = json.dumps(json.loads(tools), sort_keys=True) if tools else ""
    return content_id(orjson.dumps([messages[: last + 1], schemas]))
