r"""SWE-agent `.traj` files: one episode per file, as `history`. Actions are text, XML or function calls.

    {"environment": "swe_main", "info": {"exit_status": "submitted"}, "trajectory": [...],
     "history": [{"role": "system", "content": "SETTING: ...", "agent": "main", "message_type": "system_prompt"},
                 {"role": "user", "content": "We're solving the following issue: ..."},
                 {"role": "assistant", "content": "Let me look.", "thought": "Let me look.", "action": "open f.py",
                  "tool_calls": [{"id": "c1", "function": {"name": "open", "arguments": "{\"path\": \"f.py\"}"}}]},
                 {"role": "tool", "content": "[File: f.py]", "tool_call_ids": ["c1"]}]}

Without `history`, the last step of `trajectory` has the whole episode: as `messages`, or as `query` and `response`. The
instance is named in the record, in the `replay_config` (JSON text) of newer versions, or only in the file's name.
`exit_status: submitted` does not mean solved: success stays unknown unless the file says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.stages.ingest.episode import Episode, as_id, as_list, small_fields
from tasks.stages.ingest.messages import chat_messages, is_message
from tasks.stages.ingest.reward import outcome

_FILE = re.compile(r"([^/]+?)\.traj(?:\.json)?(?:\.gz|\.zst)?$")
_INSTANCE = re.compile(r"(?:^|__)([A-Za-z0-9-]+__(?:(?!__).)+-\d+)$")


def recognises(value: Any) -> bool:
    """Whether the value has a `history` of messages, or a `trajectory` whose last step has its prompt."""
    return isinstance(value, Mapping) and bool(_items(value))


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: a message that cannot be taken.
    """
    info = value.get("info") if isinstance(value.get("info"), Mapping) else {}
    reward, success = outcome({**info, **value})
    return Episode(
        chat_messages(_items(value)),
        tools=value.get("tools"),
        task_id=as_id(value.get("instance_id"), value.get("task_id"), _replayed(value)),
        domain=as_id(value.get("domain")),
        reward=reward,
        success=success,
        metadata=small_fields(value, ("instance_id", "task_id", "domain")) | small_fields(info),
    )


def instance_of(uri: str) -> str:
    """The instance that a `.traj` (or mini-swe-agent's `.traj.json`) file is named after; "" for any other file.

    `runs/marshmallow-code__marshmallow-1867.traj` is of that instance. So is
    `gpt4__default__t-0.20__marshmallow-code__marshmallow-1867.traj`, which names the run first.
    """
    file = _FILE.search(uri)
    if file is None:
        return ""
    instance = _INSTANCE.search(file[1])
    return instance[1] if instance else file[1]


def _replayed(value: Mapping[str, Any]) -> Any:
    """The id of the problem in `replay_config`, which is an object or its JSON text."""
    config = value.get("replay_config")
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except (ValueError, RecursionError):
            return None
    problem = config.get("problem_statement") if isinstance(config, Mapping) else None
    return problem.get("id") if isinstance(problem, Mapping) else None


def _items(value: Mapping[str, Any]) -> list[Any]:
    history = as_list(value.get("history"))
    if history and is_message(history[0]):
        return history
    steps = as_list(value.get("trajectory"))
    last = steps[-1] if steps and isinstance(steps[-1], Mapping) else {}
    messages, query = as_list(last.get("messages")), as_list(last.get("query"))
    if messages and is_message(messages[0]):
        return messages
    if not query or not is_message(query[0]) or not isinstance(last.get("response"), str):
        return []
    return [*query, {"role": "assistant", "content": last["response"], "tool_calls": last.get("tool_calls")}]
