"""Junk controls: completions that must score 0 against a demonstration, made from the demonstration itself.

A verifier that gives one of them a reward has a hole, and the policy will find it. `score` tries them on every state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from schemas.chat import Action, State, ToolCall
from tasks.policy.parsing import json_text
from tasks.policy.tool_schemas import ABSENT, UNKNOWN, Parameters, parameters_by_tool
from tasks.verifiers.comparing.calls import same_calls
from tasks.verifiers.comparing.screening import arguments
from tasks.verifiers.comparing.text import literals


class Control(StrEnum):
    """What is wrong with a control."""

    EMPTY = "empty"
    """Neither text nor a call."""
    TRUNCATED = "truncated"
    """A call whose arguments break off in the middle."""
    NO_ARGUMENTS = "no_arguments"
    """The right tool without any argument."""
    ARGUMENT_REMOVED = "argument_removed"
    """One required argument removed (any without a default, where no schema says which are required)."""
    VALUE_CHANGED = "value_changed"
    """One identifier, number, flag or enum changed."""
    OTHER_CALL = "other_call"
    """Another state's call."""
    DESCRIBED = "described"
    """A message that merely describes the call."""
    CALL = "call"
    """A call where a message was demonstrated."""


READABLE_CALLS = frozenset({Control.NO_ARGUMENTS, Control.ARGUMENT_REMOVED, Control.VALUE_CHANGED, Control.OTHER_CALL})
"""The controls that are calls which can be read: a kind that does not look at arguments leaves them free."""


def controls(state: State, demonstration: Action, other: Action | None) -> Iterator[tuple[Control, Action]]:
    """The controls that can be made from a demonstration. `other` is another state's action, if there is one with
    calls."""
    yield Control.EMPTY, Action()
    if not demonstration.tool_calls:
        calls = other.tool_calls if other else (ToolCall(id="", name=_any_tool(state), arguments="{}"),)
        yield Control.CALL, Action(tool_calls=calls)
        return
    call = demonstration.tool_calls[0]
    yield Control.DESCRIBED, Action(content=f"I will now call {call['name']} with {call['arguments']}.")
    if other is not None and not same_calls(demonstration, other):
        yield Control.OTHER_CALL, Action(tool_calls=other.tool_calls)
    yield Control.TRUNCATED, _with(demonstration, call["arguments"][: max(1, len(call["arguments"]) // 2)] or "{")
    try:
        values = arguments(call)
    except ValueError:
        return
    parameters = parameters_by_tool(state.tools).get(call["name"], UNKNOWN)
    if removable := [name for name in values if _counts(name, values[name], parameters)]:
        yield Control.NO_ARGUMENTS, _with(demonstration, "{}")
        removed = next((name for name in removable if name in parameters.required), removable[0])
        yield (
            Control.ARGUMENT_REMOVED,
            _with(demonstration, json_text({k: v for k, v in values.items() if k != removed})),
        )
    changed, found = _changed(values, parameters.properties)
    if found:
        yield Control.VALUE_CHANGED, _with(demonstration, json_text(changed))


def _with(demonstration: Action, text: str) -> Action:
    """The demonstration with other arguments in its first call."""
    first, *rest = demonstration.tool_calls
    return Action(demonstration.content, "", (ToolCall(id=first["id"], name=first["name"], arguments=text), *rest))


def _counts(name: str, value: Any, parameters: Parameters) -> bool:
    """Whether leaving the argument out says something else than giving it."""
    if name in parameters.required:
        return True
    return parameters.default(name) is ABSENT and value is not None


def _changed(value: Any, schemas: Mapping[str, Any]) -> tuple[Any, bool]:
    """The object with its first number, flag, enum or identifier changed, however deep, and whether there was one."""
    for name, inner in value.items():
        schema = schemas.get(name)
        schema = schema if isinstance(schema, dict) else {}
        new, found = _changed_value(inner, schema)
        if found:
            return {**value, name: new}, True
    return value, False


def _changed_value(value: Any, schema: Mapping[str, Any]) -> tuple[Any, bool]:
    if isinstance(value, bool):
        return not value, True
    if isinstance(value, int | float):
        return value + 1, True
    if isinstance(value, dict):
        properties = schema.get("properties")
        return _changed(value, properties if isinstance(properties, dict) else {})
    if isinstance(value, list):
        items = schema.get("items")
        for index, item in enumerate(value):
            new, found = _changed_value(item, items if isinstance(items, dict) else {})
            if found:
                return [*value[:index], new, *value[index + 1 :]], True
    if isinstance(value, str):
        choices = schema.get("enum")
        if isinstance(choices, list) and (others := [choice for choice in choices if choice != value]):
            return others[0], True
        if len(value.split()) == 1 and literals(value):
            return _next_digit(value), True
    return value, False


def _next_digit(text: str) -> str:
    """The text with its last digit counted on, or a digit put behind it."""
    found = list(re.finditer(r"[0-9]", text))
    if not found:
        return f"{text}0"
    at = found[-1].start()
    return f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"


def _any_tool(state: State) -> str:
    return next(iter(parameters_by_tool(state.tools)), "a_tool")
