"""Messages, tool calls and actions in the one form that every stage uses.

An example trajectory, as ingest writes it:

    [{"role": "user", "content": "Where is order 17?", "reasoning": "", "tool_calls": [], "tool_call_id": "",
      "name": ""},
     {"role": "assistant", "content": "", "reasoning": "They want a status.",
      "tool_calls": [{"id": "c1", "name": "get_order", "arguments": '{"order_id": 17}'}],
      "tool_call_id": "", "name": ""},
     {"role": "tool", "content": '{"status": "shipped"}', "reasoning": "", "tool_calls": [], "tool_call_id": "c1",
      "name": "get_order"},
     {"role": "assistant", "content": "It has shipped.", ...}]

Every key is always there. An empty string means "none", for which real files write null, "" or nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NotRequired, TypedDict


class Role(StrEnum):
    """Who speaks. Ingest maps other names (human, gpt, ai, observation, ...) to these."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolCall(TypedDict):
    """One call. `arguments` is the JSON text as recorded, even where it is malformed."""

    id: str
    name: str
    arguments: str


class Message(TypedDict):
    """One message. One model call is one message, even where a source records it in several items."""

    role: str
    content: str
    reasoning: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    name: str


class FunctionSchema(TypedDict):
    """The inside of an OpenAI tool schema; `parameters` is a JSON schema of type object."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[dict[str, Any]]


class ToolSchema(TypedDict):
    """One tool as the policy sees it, in the OpenAI form: `{"type": "function", "function": {...}}`."""

    type: str
    function: FunctionSchema


class ActionKind(StrEnum):
    """What an action consists of."""

    MESSAGE = "message"
    """Text only."""
    CALL = "call"
    """One tool call, with or without text."""
    CALLS = "calls"
    """Several tool calls, with or without text."""
    EMPTY = "empty"
    """Neither text nor a call."""


@dataclass(frozen=True, slots=True)
class Action:
    """The whole completion of one model call, parsed: text, tool calls, or both. Never a token."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def kind(self) -> ActionKind:
        """Which of the four kinds this is. White space alone is no text."""
        if len(self.tool_calls) > 1:
            return ActionKind.CALLS
        if self.tool_calls:
            return ActionKind.CALL
        return ActionKind.MESSAGE if self.content.strip() else ActionKind.EMPTY


@dataclass(frozen=True, slots=True)
class State:
    """Everything the policy sees before one action.

    With `task_id` and `world` a simulator rebuilds the world at this point; both are "" for data without one.
    """

    trajectory_id: str
    turn_index: int
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...]
    domain: str = ""
    task_id: str = ""
    world: str = ""


def message(
    role: str,
    content: str = "",
    *,
    reasoning: str = "",
    tool_calls: list[ToolCall] | None = None,
    tool_call_id: str = "",
    name: str = "",
) -> Message:
    """A message with every key filled in."""
    return Message(
        role=role,
        content=content,
        reasoning=reasoning,
        tool_calls=tool_calls or [],
        tool_call_id=tool_call_id,
        name=name,
    )


def as_action(assistant: Message) -> Action:
    """The action that an assistant message records."""
    return Action(assistant["content"], assistant["reasoning"], tuple(assistant["tool_calls"]))


def as_message(action: Action) -> Message:
    """The assistant message that an action becomes in the history."""
    return message(Role.ASSISTANT, action.content, reasoning=action.reasoning, tool_calls=list(action.tool_calls))
