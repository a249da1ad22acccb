r"""ShareGPT turns, with `function_call` and `observation` for tools. A result belongs to its call by position.

    {"conversations": [{"from": "human", "value": "What is a 20% tip on 50?"},
                       {"from": "function_call", "value": "{\"name\": \"tip\", \"arguments\": {\"bill\": 50}}"},
                       {"from": "observation", "value": "{\"tip\": 10}"},
                       {"from": "gpt", "value": "It is 10."}],
     "system": "You are a clerk.", "tools": "[{\"name\": \"tip\", \"parameters\": {...}}]"}

A record may also be the bare list of turns. Its `id` names the record and no task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.chat import Role, message
from tasks.stages.ingest.episode import Episode, as_id, as_list, small_fields
from tasks.stages.ingest.messages import chat_messages
from tasks.stages.ingest.reward import outcome


def recognises(value: Any) -> bool:
    """Whether the value is a list of turns with `from`, or has one under `conversations`."""
    items = _items(value)
    return bool(items) and isinstance(items[0], Mapping) and isinstance(items[0].get("from"), str)


def read(value: Any) -> Episode:
    """One episode; a `system` beside the turns becomes the first message.

    Raises:
        Rejected: a turn that cannot be taken.
    """
    messages = chat_messages(_items(value))
    if not isinstance(value, Mapping):
        return Episode(messages)
    if isinstance(value.get("system"), str) and value["system"]:
        messages.insert(0, message(Role.SYSTEM, value["system"]))
    reward, success = outcome(value)
    return Episode(
        messages,
        tools=value.get("tools"),
        task_id=as_id(value.get("task_id")),
        domain=as_id(value.get("domain")),
        reward=reward,
        success=success,
        metadata=small_fields(value, ("system", "tools", "task_id", "domain", "reward", "success")),
    )


def _items(value: Any) -> list[Any]:
    return as_list(value.get("conversations") if isinstance(value, Mapping) else value) or []
