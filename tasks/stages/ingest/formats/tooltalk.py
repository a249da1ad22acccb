r"""ToolTalk conversations. An assistant turn lists the API calls that were made before its text was said.

    {"name": "CreateEvent-easy", "conversation": [
        {"index": 0, "role": "user", "text": "Create an event for the concert."},
        {"index": 1, "role": "assistant", "text": "Done.", "apis": [
            {"request": {"api_name": "CreateEvent", "parameters": {"name": "Concert"}},
             "response": {"event_id": "e1"}, "exception": null}]}]}

The file does not say which calls were made at once, so each is an action of its own, followed by its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.chat import Message, Role, message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected, as_id, as_list, json_text, small_fields
from tasks.stages.ingest.messages import chat_messages, tool_calls


def recognises(value: Any) -> bool:
    """Whether the value has a `conversation` of turns with `text`."""
    turns = as_list(value.get("conversation")) if isinstance(value, Mapping) else None
    return (
        bool(turns)
        and isinstance(turns, list)
        and isinstance(turns[0], Mapping)
        and {"role", "text"} <= turns[0].keys()
    )


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: a turn that cannot be taken.
    """
    messages: list[Message] = []
    for position, turn in enumerate(as_list(value["conversation"]) or []):
        apis = turn.get("apis") if isinstance(turn, Mapping) else None
        for api in apis if isinstance(apis, list) else []:
            messages += _call_and_result(api, position)
        messages += chat_messages([turn])
    return Episode(messages, task_id=as_id(value.get("name")), metadata=small_fields(value, ("name",)))


def _call_and_result(api: Any, position: int) -> list[Message]:
    request = api.get("request") if isinstance(api, Mapping) else None
    if not isinstance(request, Mapping):
        raise Rejected(RejectReason.MALFORMED_CALL, f"turn {position}: an API call without a request")
    calls = tool_calls({"name": request.get("api_name"), "arguments": request.get("parameters")}, position)
    result = api.get("exception") or api.get("response")
    text = result if isinstance(result, str) else json_text(result)
    return [message(Role.ASSISTANT, tool_calls=calls), message(Role.TOOL, text, name=calls[0]["name"])]
