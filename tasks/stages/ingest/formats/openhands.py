r"""OpenHands event streams: a bare list, or `history`. What the model said is in each event's `tool_call_metadata`.

    [{"id": 0, "source": "agent", "action": "system", "args": {"content": "You are ...", "tools": [...]}},
     {"id": 1, "source": "user", "action": "message", "args": {"content": "Rename f.py"}},
     {"id": 2, "source": "agent", "action": "run", "args": {"command": "mv f.py g.py"}, "tool_call_metadata": {
        "tool_call_id": "c1", "function_name": "bash", "model_response": {"id": "r1", "choices": [{"message": {
            "role": "assistant", "content": "I rename it.", "tool_calls": [{"id": "c1", "function": {...}}]}}]}}},
     {"id": 3, "source": "agent", "observation": "run", "cause": 2, "content": "done", "tool_call_metadata": {...}}]

Several events of one model response are one message. Events by neither the model nor the user (recalled workspace
context, changes of state) are left out and counted as `skipped_events`. Old streams keep only what the harness ran and
not what the model wrote. Such a record is rejected, since an action that we make up is no demonstration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.chat import Message, Role, message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected, as_id, as_list, small_fields
from tasks.stages.ingest.messages import chat_messages, content_text
from tasks.stages.ingest.reward import outcome


def recognises(value: Any) -> bool:
    """Whether the value is a list of events, or has one under `history`."""
    events = _events(value)
    return bool(events) and is_event(events[0])


def is_event(value: Any) -> bool:
    """Whether a value is an OpenHands action or observation."""
    if not isinstance(value, Mapping) or not any(isinstance(value.get(key), str) for key in ("action", "observation")):
        return False
    return not value.keys().isdisjoint({"source", "args", "content"}) and "messages" not in value


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: an action whose model response was not recorded, or a message that cannot be taken.
    """
    messages: list[Message] = []
    tools: Any = None
    skipped = 0
    responses: set[str] = set()
    for position, event in enumerate(_events(value)):
        if not isinstance(event, Mapping):
            raise Rejected(
                RejectReason.MALFORMED_MESSAGE, f"event {position} is a {type(event).__name__}, not an object"
            )
        if event.get("action") == "system":
            tools = _arguments(event).get("tools")
        addition = _messages(event, position, responses)
        messages += addition or []
        skipped += addition is None
    record = value if isinstance(value, Mapping) else {}
    reward, success = outcome(record)
    return Episode(
        messages,
        tools=tools,
        task_id=as_id(record.get("instance_id")) or _issue(record.get("issue")),
        reward=reward,
        success=success,
        metadata=small_fields(record, ("instance_id",)) | ({"skipped_events": skipped} if skipped else {}),
    )


def _issue(issue: Any) -> str:
    """The issue that OpenHands' resolver worked on, as owner/repo#5; "" for none."""
    if not isinstance(issue, Mapping):
        return ""
    owner, repo, number = (as_id(issue.get(key)) for key in ("owner", "repo", "number"))
    return f"{owner}/{repo}#{number}" if repo and number else ""


def _messages(event: Mapping[str, Any], position: int, responses: set[str]) -> list[Message] | None:
    """The messages that the event adds to the chat, [] if it repeats a response; None for an event outside the chat."""
    call = event.get("tool_call_metadata")
    if isinstance(call, Mapping):
        if "observation" in event:
            content = content_text(event.get("content"), position, Role.TOOL)[0]
            return [message(Role.TOOL, content, tool_call_id=as_id(call.get("tool_call_id")))]
        return _model_response(call, position, responses)
    action, content = event.get("action"), content_text(_arguments(event).get("content"), position)[0]
    if action == "system":
        return [message(Role.SYSTEM, content)]
    if action == "message" and event.get("source") in ("user", "agent"):
        return [message(Role.USER if event["source"] == "user" else Role.ASSISTANT, content)]
    if (
        isinstance(action, str)
        and event.get("source") in (None, "agent")
        and action not in ("recall", "change_agent_state")
    ):
        raise Rejected(
            RejectReason.UNKNOWN_FORMAT,
            f"OpenHands event {position} ({action[:80]!r}) has no tool_call_metadata: what the model wrote is lost",
        )
    return None


def _model_response(call: Mapping[str, Any], position: int, responses: set[str]) -> list[Message]:
    response = call.get("model_response")
    choices = as_list(response.get("choices")) if isinstance(response, Mapping) else None
    if not choices or not isinstance(choices[0], Mapping):
        raise Rejected(RejectReason.MALFORMED_MESSAGE, f"event {position} has a model response without choices")
    response_id = as_id(response.get("id")) if isinstance(response, Mapping) else ""
    if response_id and response_id in responses:
        return []
    responses.add(response_id)
    said = choices[0].get("message")
    return chat_messages([{"role": "assistant", **said} if isinstance(said, Mapping) else said])


def _events(value: Any) -> list[Any]:
    return as_list(value.get("history") if isinstance(value, Mapping) else value) or []


def _arguments(event: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = event.get("args")
    return arguments if isinstance(arguments, Mapping) else {}
