r"""tau^2 simulations: many in a results file, or one per file. containers.py gives each the results file's `info`.

    {"task_id": "0", "trial": 0, "termination_reason": "user_stop", "reward_info": {"reward": 1.0},
     "messages": [{"role": "assistant", "content": "Hi! How can I help you today?", "tool_calls": null},
                  {"role": "user", "content": "My data is slow."},
                  {"role": "assistant", "content": null, "tool_calls": [
                      {"id": "c1", "name": "get_line", "arguments": {"id": "L1"}, "requestor": "assistant"}]},
                  {"role": "tool", "id": "c1", "content": "active", "requestor": "assistant"},
                  {"role": "user", "content": null, "tool_calls": [
                      {"id": "c2", "name": "check_status_bar", "arguments": {}, "requestor": "user"}]},
                  {"role": "tool", "id": "c2", "content": "2G", "requestor": "user"}],
     "info": {"environment_info": {"domain_name": "telecom", "policy": "# Telecom policy ...", "tool_defs": null}}}

A results file is {"info": ..., "tasks": [...], "simulations": [...]}; a single-task file has `task` and `run_info`
instead. The calls that the *user* makes, and their results, are left out: the agent did not see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.chat import Role, message
from tasks.stages.ingest.episode import Episode, as_id, as_list, small_fields
from tasks.stages.ingest.messages import chat_messages
from tasks.stages.ingest.reward import outcome


def recognises(value: Any) -> bool:
    """Whether the value has messages and one of the fields that only tau^2 writes."""
    if not isinstance(value, Mapping) or not isinstance(value.get("messages"), list):
        return False
    return (
        any(isinstance(value.get(mark), Mapping) for mark in ("reward_info", "run_info"))
        or "termination_reason" in value
    )


def read(value: Any) -> Episode:
    """One episode. The environment's policy becomes the system message where there is none.

    Raises:
        Rejected: a message that cannot be taken.
    """
    environment = _inside(value, "info", "environment_info")
    messages = chat_messages(as_list(value["messages"]) or [])
    policy = environment.get("policy")
    if isinstance(policy, str) and policy and not any(item["role"] == Role.SYSTEM for item in messages):
        messages.insert(0, message(Role.SYSTEM, policy))
    reward, success = outcome(value)
    return Episode(
        messages,
        tools=environment.get("tool_defs"),
        task_id=as_id(value.get("task_id"), _inside(value, "task").get("id")),
        domain=as_id(
            environment.get("domain_name"), _inside(value, "task", "user_scenario", "instructions").get("domain")
        ),
        reward=reward,
        success=success,
        metadata=small_fields(_inside(value, "run_info")) | small_fields(value, ("task_id", "duration")),
    )


def _inside(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at that path, or an empty one."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
