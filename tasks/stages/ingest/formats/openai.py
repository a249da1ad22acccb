r"""OpenAI chat messages, alone or with tools, task and reward around them. Most sets come in this form.

    {"messages": [{"role": "system", "content": "You are a clerk."},
                  {"role": "user", "content": [{"type": "text", "text": "Where is order 17?"}]},
                  {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": "{\"id\": 17}"}}]},
                  {"role": "tool", "tool_call_id": "c1", "content": "shipped"},
                  {"role": "assistant", "content": "It has shipped."}],
     "tools": [{"type": "function", "function": {"name": "get_order", "parameters": {...}}}],
     "task_id": 58, "reward": 1.0}

The messages may also be under `traj` (tau-bench), `conversations` or `conversation`; they may be JSON text, or the
whole record. An `id` names the record and no task: many sets give one to every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.stages.ingest.episode import Episode, as_id, as_list, small_fields
from tasks.stages.ingest.messages import chat_messages, is_message
from tasks.stages.ingest.reward import outcome

MESSAGE_KEYS = ("messages", "traj", "conversations", "conversation")
_TOOL_KEYS = ("tools", "functions")
_TASK_KEYS = ("task_id", "instance_id")
_DOMAIN_KEYS = ("domain", "domain_name", "category")


def recognises(value: Any) -> bool:
    """Whether the value is a list of messages with roles, or has one under a known key, even an empty one."""
    items = _items(value)
    if items is None or (isinstance(value, list) and not items):
        return False
    return not items or (is_message(items[0]) and "role" in items[0])


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: a message that cannot be taken.
    """
    messages = chat_messages(_items(value) or [])
    if not isinstance(value, Mapping):
        return Episode(messages)
    reward, success = outcome(value)
    return Episode(
        messages,
        tools=next((value[key] for key in _TOOL_KEYS if value.get(key)), None),
        task_id=as_id(*(value.get(key) for key in _TASK_KEYS)),
        domain=as_id(*(value.get(key) for key in _DOMAIN_KEYS)),
        world=as_id(value.get("world")),
        reward=reward,
        success=success,
        metadata=small_fields(value, (*_TASK_KEYS, *_DOMAIN_KEYS, *_TOOL_KEYS, "reward", "success", "world")),
    )


def _items(value: Any) -> list[Any] | None:
    if isinstance(value, Mapping):
        return next((items for key in MESSAGE_KEYS if (items := as_list(value.get(key))) is not None), None)
    return value if isinstance(value, list) else None
