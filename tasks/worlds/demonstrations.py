"""A world's expert demonstrations as OpenAI chat records, for ingest (`world://desk?episodes=200&seed=0`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.chat import Message, Role
from tasks.worlds import world


def records(world_name: str, episodes: int, seed: int) -> Iterator[dict[str, object]]:
    """One record per episode of the split "train". Equal arguments give equal records.

    Raises:
        ConfigurationError: no such world.
    """
    simulated = world.load(world_name)
    for position, task_id in enumerate(simulated.task_ids("train", episodes, seed)):
        messages = simulated.demonstrate(task_id, seed)
        yield {
            "messages": [_openai(said) for said in messages],
            "tools": list(simulated.tools),
            "task_id": task_id,
            "domain": world_name,
            "world": world_name,
            "reward": 1.0,
            "metadata": {"expert": "scripted", "seed": seed, "position": position},
        }


def _openai(said: Message) -> dict[str, Any]:
    if said["role"] == Role.TOOL:
        return {
            "role": "tool",
            "tool_call_id": said["tool_call_id"],
            "name": said["name"],
            "content": said["content"],
        }
    if not said["tool_calls"]:
        return {"role": str(said["role"]), "content": said["content"]}
    calls = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in said["tool_calls"]
    ]
    return {"role": str(said["role"]), "content": said["content"] or None, "tool_calls": calls}
