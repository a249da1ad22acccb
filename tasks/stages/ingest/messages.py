"""Chat messages of any dialect in our one form. What is specific to a file format is in formats/.

{"from": "gpt", "value": "Hello"}                                    a role by another name
{"role": "assistant", "content": null, "function_call": {...}}       null for none, the old call form
{"role": "assistant", "content": [{"type": "reasoning", "value": "..."}, {"type": "tool_call", "value": "{...}"}]}
{"role": "tool", "id": "c1", "requestor": "assistant", "content": "..."}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.chat import Message, Role, ToolCall, message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Rejected, as_id, as_list, json_text

ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("system", "developer"), Role.SYSTEM),
    **dict.fromkeys(("user", "human"), Role.USER),
    **dict.fromkeys(("assistant", "gpt", "ai", "model", "function_call"), Role.ASSISTANT),
    **dict.fromkeys(("tool", "function", "observation", "tool_response"), Role.TOOL),
}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "summary_text", "refusal"})
_REASONING_PARTS = frozenset({"reasoning", "reasoning_text", "thinking", "thought", "think"})
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "thought")
_OTHER_MEDIA = ("image", "input_image", "audio", "input_audio", "video", "file", "input_file")


def is_message(value: Any) -> bool:
    """Whether a value looks like one chat message: an object with a role (or `from`)."""
    if not isinstance(value, Mapping) or "messages" in value:
        return False
    return isinstance(value.get("role"), str) or isinstance(value.get("from"), str)


def chat_messages(items: Sequence[Any]) -> list[Message]:
    """Messages as the agent saw them. What a user did with tools of their own (tau^2's dual control) is left out.

    Raises:
        Rejected: a message that cannot be taken; the detail says which.
    """
    messages: list[Message] = []
    users_calls: set[str] = set()
    for position, item in enumerate(items):
        role = _role(item, position)
        call_ids = {
            as_id(call.get("id")) for call in as_list(item.get("tool_calls")) or [] if isinstance(call, Mapping)
        }
        if role is Role.USER and call_ids:
            users_calls |= call_ids
            if not item.get("content"):
                continue
        if role is Role.ASSISTANT:
            users_calls -= call_ids
        if role is Role.TOOL and (item.get("requestor") == "user" or _answered_id(item) in users_calls - {""}):
            continue
        messages.append(_chat_message(item, role, position))
    return messages


def content_text(content: Any, position: int, role: Role = Role.ASSISTANT) -> tuple[str, str, list[ToolCall]]:
    """(text, reasoning, calls) of a message's content: text, nothing, typed parts, or any other JSON value as text.

    Raises:
        Rejected: unsupported_content, for parts that are not text.
    """
    if content is None or isinstance(content, str):
        return content or "", "", []
    if not isinstance(content, list):
        return json_text(content), "", []
    text, reasoning, calls = [], [], []
    for part in content:
        kind = as_id(part.get("type")) if isinstance(part, Mapping) else ""
        if isinstance(part, str):
            text.append(part)
        elif kind in _TEXT_PARTS:
            text.append(_part_text(part))
        elif kind in _REASONING_PARTS:
            reasoning.append(_part_text(part))
        elif kind == "tool_call":
            calls.extend(tool_calls(part.get("value", part), position))
        elif role is Role.TOOL and not kind.startswith(_OTHER_MEDIA):
            return json_text(content), "", []
        else:
            raise Rejected(
                RejectReason.UNSUPPORTED_CONTENT, f"message {position} has a part of type {kind[:80]!r}, not text"
            )
    return "".join(text), "\n".join(reasoning), calls


def tool_calls(value: Any, position: int) -> list[ToolCall]:
    """Tool calls in any form: one or a list, JSON or its text, wrapped in `function` or flat.

    Raises:
        Rejected: malformed_call.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Rejected(
                RejectReason.MALFORMED_CALL, f"message {position}: a call that is not JSON: {error}"
            ) from error
    if not value:
        return []
    return [_tool_call(call, position) for call in (value if isinstance(value, list) else [value])]


def _role(item: Any, position: int) -> Role:
    if not isinstance(item, Mapping):
        raise Rejected(RejectReason.MALFORMED_MESSAGE, f"message {position} is a {type(item).__name__}, not an object")
    name = item.get("role") or item.get("from")
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise Rejected(
            RejectReason.UNKNOWN_ROLE, f"message {position} is by {str(name)[:80]!r}; known are {', '.join(ROLES)}"
        )
    return role


def _chat_message(item: Mapping[str, Any], role: Role, position: int) -> Message:
    content = next((item[key] for key in ("content", "value", "text") if item.get(key) is not None), None)
    if role is not Role.ASSISTANT:
        text = content_text(content, position, role)[0]
        if role is not Role.TOOL:
            return message(role, text)
        return message(role, text, tool_call_id=_answered_id(item), name=as_id(item.get("name")))
    if item.get("from") == "function_call":
        return message(role, tool_calls=tool_calls(content, position))
    text, reasoning, calls = content_text(content, position)
    calls += tool_calls(item.get("tool_calls"), position) + tool_calls(item.get("function_call"), position)
    recorded = next((item[key] for key in _REASONING_KEYS if isinstance(item.get(key), str) and item[key]), "")
    # SWE-agent repeats the thought in the content: the model said it aloud, so it is no hidden reasoning.
    reasoning = reasoning or ("" if recorded.strip() in text else recorded)
    if not reasoning:
        reasoning, text = split_thinking(text)
    return message(role, text, reasoning=reasoning, tool_calls=calls)


def split_thinking(text: str) -> tuple[str, str]:
    """(reasoning, rest) of a text that begins with a closed <think> block; ("", text) for any other."""
    opened = text.lstrip()
    if not opened.startswith("<think>") or "</think>" not in opened:
        return "", text
    reasoning, _, rest = opened.removeprefix("<think>").partition("</think>")
    return reasoning.strip(), rest.lstrip()


def _answered_id(item: Mapping[str, Any]) -> str:
    ids = item.get("tool_call_ids")
    first = ids[0] if isinstance(ids, list) and ids else None
    return as_id(item.get("tool_call_id"), item.get("call_id"), first, item.get("id"))


def _part_text(part: Mapping[str, Any]) -> str:
    content = next((part[key] for key in ("text", "value", "thinking", "refusal") if part.get(key) is not None), "")
    return content if isinstance(content, str) else json_text(content)


def _tool_call(call: Any, position: int) -> ToolCall:
    inner = call.get("function") if isinstance(call, Mapping) else None
    inner = inner if isinstance(inner, Mapping) else call
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise Rejected(RejectReason.MALFORMED_CALL, f"message {position}: a call without a name: {str(call)[:200]}")
    arguments = inner.get("arguments", inner.get("parameters"))
    if not isinstance(arguments, str):
        arguments = json_text({} if arguments is None else arguments)
    return ToolCall(id=as_id(call.get("id"), call.get("call_id")), name=inner["name"], arguments=arguments)
