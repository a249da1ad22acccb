"""In which form a chat template wants messages: found by rendering a short exchange, and seeing what it shows.

Templates differ in the key of reasoning, in whether the arguments of a call are an object or JSON text, and in the form
of its id. The data has one form (schemas/chat.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Any

from schemas.chat import FunctionSchema, Message, Role, ToolCall, ToolSchema, message
from tasks.policy.parsing import strict_json

Render = Callable[[Sequence[dict[str, Any]], bool], str | None]
"""Messages in a template's own form, and whether a prompt is wanted, to text; None where the template refuses them."""

_NINE = 9
_NINE_CHARACTERS = re.compile(rf"[A-Za-z0-9]{{{_NINE}}}")
PARTS = "content parts"
"""Reasoning as a part of the content, of type thinking."""


class CallIds(StrEnum):
    """Which ids of calls a template takes."""

    ANY = "any"
    NINE_CHARACTERS = "nine characters"
    """Mistral's templates refuse all but nine letters and digits."""
    NUMBERED = "numbered"
    """Kimi K2's write the id where others write the name: functions.NAME:N, N counting the conversation's calls."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """The form of the messages that a template takes."""

    reasoning_key: str = ""
    """Where it reads an assistant's reasoning; "" for nowhere."""
    reasoning_beside_text_and_calls: bool = True
    """gpt-oss refuses a message that has all three."""
    arguments_as_text: bool = False
    """Whether the arguments of a call are JSON text. DeepSeek V3 wants it."""
    call_ids: CallIds = CallIds.ANY

    def messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Messages in the template's form: without empty keys, and with ids that it takes."""
        return [self._message(m) for m in with_ids(messages, self.call_ids)]

    def _message(self, message: Message) -> dict[str, Any]:
        out: dict[str, Any] = {"role": message["role"], "content": message["content"]}
        calls, reasoning = message["tool_calls"], message["reasoning"]
        if reasoning and (self.reasoning_beside_text_and_calls or not (calls and message["content"])):
            self._put_reasoning(out, reasoning, bool(calls))
        if calls:
            out["tool_calls"] = [
                {
                    "id": c["id"],
                    "type": "function",
                    "function": {
                        "name": c["name"],
                        "arguments": c["arguments"] if self.arguments_as_text else _value(c["arguments"]),
                    },
                }
                for c in calls
            ]
        out.update({key: message[key] for key in ("tool_call_id", "name") if message[key]})
        return out

    def _put_reasoning(self, out: dict[str, Any], reasoning: str, calls: bool) -> None:
        if self.reasoning_key == PARTS:
            text = [{"type": "text", "text": out["content"]}] if out["content"] else []
            out["content"] = [{"type": "thinking", "thinking": reasoning}, *text]
        elif self.reasoning_key and (calls or self.reasoning_key != "tool_plan"):
            out[self.reasoning_key] = reasoning


_KEYS = ("reasoning_content", "reasoning", "thinking", "tool_plan", PARTS)


def find_conventions(render: Render) -> Conventions:
    """The form in which a template shows the most of an exchange with a call, its result and an answer."""
    for call_ids, as_text in product(CallIds, (False, True)):
        conventions = Conventions(call_ids=call_ids, arguments_as_text=as_text)
        text = render(conventions.messages(_exchange()), True)
        if text is not None and _shows_the_call(text):
            break
    else:
        conventions = Conventions()
    for key in _KEYS:
        with_key = replace(conventions, reasoning_key=key)
        texts = [render(with_key.messages(m), False) for m in (_exchange(_THOUGHT), _answer(_THOUGHT))]
        if any(text is not None and _THOUGHT in text and not _PRINTED_PART.search(text) for text in texts):
            both = render(with_key.messages(_exchange(_THOUGHT, _BESIDE)), True)
            either = render(with_key.messages(_exchange("", _BESIDE)), True)
            return replace(with_key, reasoning_beside_text_and_calls=both is not None or either is None)
    return conventions


_PRINTED_PART = re.compile(r"""["']thinking["']: """)
"""A template that knows no parts prints the list as it stands."""
_QUESTION, _NAME, _THOUGHT, _BESIDE = "Is it zqraining?", "zqtool", "zqthought", "zqbeside"
TOOL = ToolSchema(
    type="function",
    function=FunctionSchema(
        name=_NAME,
        description="Looks.",
        parameters={"type": "object", "properties": {"zqkey": {"type": "string"}}, "required": ["zqkey"]},
    ),
)
"""What the exchanges call: some templates refuse calls, or are other templates, where there is no tool."""
CALL = ToolCall(id="call-0", name=_NAME, arguments='{"zqkey": "zqvalue"}')


def _exchange(reasoning: str = "", text: str = "") -> list[Message]:
    """A question, a call and its result."""
    return [
        message(Role.USER, _QUESTION),
        message(Role.ASSISTANT, text, reasoning=reasoning, tool_calls=[CALL]),
        message(Role.TOOL, "no", tool_call_id=CALL["id"], name=_NAME),
    ]


def _answer(reasoning: str) -> list[Message]:
    return [message(Role.USER, _QUESTION), message(Role.ASSISTANT, "No.", reasoning=reasoning)]


def _shows_the_call(text: str) -> bool:
    """Whether the call is there by name, and its arguments neither as Python writes them nor quoted twice."""
    exchange = text.rpartition(_QUESTION)[2]  # the tool's own description stands before it
    return _NAME in exchange and "'zqkey'" not in exchange and '\\"zqkey' not in exchange


def with_ids(messages: Sequence[Message], form: CallIds) -> Sequence[Message]:
    """Messages whose calls and results have ids of that form.

    Each id derives from the data's own, or from its place. So a call and its result keep the same id, and the prompts
    of a trajectory stay prefixes of each other.
    """
    if form is CallIds.NINE_CHARACTERS:
        return [_renamed(m, _nine) for m in messages]
    return _numbered(messages) if form is CallIds.NUMBERED else messages


def _renamed(original: Message, rename: Callable[[str], str]) -> Message:
    calls = [ToolCall(id=rename(c["id"]), name=c["name"], arguments=c["arguments"]) for c in original["tool_calls"]]
    return {**original, "tool_calls": calls, "tool_call_id": rename(original["tool_call_id"])}


def _nine(call_id: str) -> str:
    if not call_id or _NINE_CHARACTERS.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:_NINE]


def _numbered(messages: Sequence[Message]) -> list[Message]:
    """An id may come again in a conversation. A result belongs to the nearest call before it."""
    numbered: list[Message] = []
    latest: dict[str, str] = {}
    count = 0
    for original in messages:
        calls = []
        for call in original["tool_calls"]:
            latest[call["id"]] = f"functions.{call['name']}:{count}"
            calls.append(ToolCall(id=latest[call["id"]], name=call["name"], arguments=call["arguments"]))
            count += 1
        result_of = original["tool_call_id"]
        numbered.append({**original, "tool_calls": calls, "tool_call_id": latest.get(result_of, result_of)})
    return numbered


def _value(text: str) -> object:
    try:
        return strict_json(text)
    except ValueError:
        return text
