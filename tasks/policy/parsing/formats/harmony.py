"""Harmony (gpt-oss): messages, each with a channel. The prompt has begun the first.

    <|channel|>analysis<|message|>They want a status.<|end|>
    <|start|>assistant<|channel|>commentary to=functions.get_order <|constrain|>json<|message|>{"order_id": 17}<|call|>

The recipient may stand before the channel. Analysis is reasoning. Commentary to nobody is text, like the final channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import json_value, tool_call, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.literals import skip_space

_START, _CHANNEL, _MESSAGE, _CONSTRAIN = "<|start|>assistant", "<|channel|>", "<|message|>", "<|constrain|>"
_END, _CALL, _RETURN = "<|end|>", "<|call|>", "<|return|>"
_TO = r"to=([^\s<]+)"
_HEADER = re.compile(
    rf"(?:\s*{_TO})?\s*{re.escape(_CHANNEL)}(analysis|commentary|final)(?:\s+{_TO})?"
    rf"(?:\s*(?:{re.escape(_CONSTRAIN)})?json)?\s*{re.escape(_MESSAGE)}"
)
_CLOSED = re.compile("|".join(map(re.escape, (_END, _CALL, _RETURN))) + r"|\Z")
_FUNCTION = "functions."


@dataclass(frozen=True, slots=True)
class _Message:
    channel: str
    recipient: str
    content: str
    whole: str
    """The message as it was written."""


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    content: list[str] = []
    calls: list[ToolCall] = []
    for message in _messages(text):
        if message.recipient:
            value, _end = json_value(message.content, 0)
            calls.append(tool_call(message.recipient.removeprefix(_FUNCTION), value, len(calls)))
        else:
            content.append(message.content)
    return "\n".join(content), calls


def split(text: str) -> tuple[str, str]:
    """(reasoning, the other messages) of a completion.

    Raises:
        Malformed: as `read`; unclosed_reasoning.
    """
    messages = list(_messages(text))
    reasoning = "\n".join(message.content for message in messages if message.channel == "analysis")
    return reasoning, "".join(message.whole for message in messages if message.channel != "analysis")


def _messages(text: str) -> Iterator[_Message]:
    position = 0
    while text[position:].strip():
        start = skip_space(text, position)
        begun = start + len(_START) if text.startswith(_START, start) else start
        header = _HEADER.match(text, begun) if begun > start or position == 0 else None
        if header is None:
            raise Malformed(ParseReason.UNCLOSED_CALL, f"no header of a message: {quoted(text[start:])}")
        early, channel, late = header.groups()
        recipient = early or late or ""
        calling = recipient.startswith(_FUNCTION) and channel == "commentary" and not (early and late)
        if recipient and not calling:
            raise Malformed(ParseReason.NOT_A_CALL, f"no function is called: {quoted(header[0])}")
        # The JSON decides where a call ends: a mark may stand inside one of its strings.
        end = skip_space(text, json_value(text, header.end())[1]) if calling else header.end()
        closed = _CLOSED.match(text, end) if calling else _CLOSED.search(text, end)
        if closed is None or closed[0] not in _marks(channel, calling):
            reason = ParseReason.UNCLOSED_REASONING if channel == "analysis" else ParseReason.UNCLOSED_CALL
            raise Malformed(reason, quoted(text[start:]))
        content = text[header.end() : closed.start()]
        if not calling:
            without_marks(content, "<|start|>", _CHANNEL, _MESSAGE, _CONSTRAIN)
        position = closed.end()
        yield _Message(channel, recipient, content, text[start:position])


def _marks(channel: str, calling: bool) -> tuple[str, ...]:
    """What may end a message. The last one ends with the end of the turn, which is cut off."""
    if calling:
        return (_CALL, "")
    return (_END,) if channel == "analysis" else (_END, _RETURN, "")


FORMAT = Format(read, ((f"{_CHANNEL}analysis{_MESSAGE}", _END),), split=split)
