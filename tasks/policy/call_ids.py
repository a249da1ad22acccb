"""Tool-call ids in the form that a chat template demands.

Data has ids of any form, and Mistral's templates refuse ids of other than nine alphanumeric characters. Messages for
them get such ids, each derived from the data's own. So a call and its result keep the same id, and the prompts of a
trajectory stay prefixes of each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from schemas.chat import Message, Role, ToolCall, message

_LENGTH = 9
_FORM = re.compile(rf"[A-Za-z0-9]{{{_LENGTH}}}")


def demands_nine_characters(takes: Callable[[Sequence[Message]], bool]) -> bool:
    """Whether a template refuses a call only because of the form of its id.

    Args:
        takes: whether the template renders these messages.
    """
    return not takes(_exchange("call-0")) and takes(_exchange("a1b2c3d4e"))


def _exchange(call_id: str) -> list[Message]:
    """A question, a call with that id, and its result."""
    return [
        message(Role.USER, "Is it raining?"),
        message(Role.ASSISTANT, tool_calls=[ToolCall(id=call_id, name="look", arguments="{}")]),
        message(Role.TOOL, "no", tool_call_id=call_id, name="look"),
    ]


def with_nine_characters(original: Message) -> Message:
    """The message with ids of nine characters; equal ids stay equal, in every message."""
    calls = [ToolCall(id=_nine(c["id"]), name=c["name"], arguments=c["arguments"]) for c in original["tool_calls"]]
    return {**original, "tool_calls": calls, "tool_call_id": _nine(original["tool_call_id"])}


def _nine(call_id: str) -> str:
    if not call_id or _FORM.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:_LENGTH]
