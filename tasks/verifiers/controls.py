"""Junk controls: completions that must score 0 against a demonstration, made from the demonstration itself.

A verifier that rewards one of them has a hole, and the policy will find it. `score` tries them on every state.
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
    """One required argument removed, or one without a default where no schema says which are required."""
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
    """The controls that can be made from a demonstration.

    Args:
        other: an action of another state that makes calls, if there is one.
    """
    yield Control.EMPTY, Action()
    if not demonstration.tool_calls:
        calls = other.tool_calls if other else (ToolCall(id="", name=_any_tool(state), arguments="{}"),)
        yield Control.CALL, Action(tool_calls=calls)
        return
    call = demonstration.tool_calls[0]
    yield Control.DESCRIBED, Action(content=f"I will now call {call['name']} with {call['arguments']}.")
    if other is not None and not same_calls(demonstration, other):
        yield Control.OTHER_CALL, Action(tool_calls=other.tool_calls)
    text = call["arguments"]
    yield Control.TRUNCATED, _with_arguments(demonstration, text[: max(1, len(text) // 2)] or "{")
    try:
        values = arguments(call)
    except ValueError:
        return
    parameters = parameters_by_tool(state.tools).get(call["name"], UNKNOWN)
    if removable := [name for name in values if _matters(name, values[name], parameters)]:
        yield Control.NO_ARGUMENTS, _with_arguments(demonstration, "{}")
        removed = next((name for name in removable if name in parameters.required), removable[0])
        yield (
            Control.ARGUMENT_REMOVED,
            _with_arguments(demonstration, json_text({k: v for k, v in values.items() if k != removed})),
        )
    changed = _change_first(values, parameters.properties)
    if changed is not ABSENT:
        yield Control.VALUE_CHANGED, _with_arguments(demonstration, json_text(changed))


def _with_arguments(demonstration: Action, text: str) -> Action:
    """The demonstration with other arguments in its first call."""
    first, *rest = demonstration.tool_calls
    return Action(demonstration.content, "", (ToolCall(id=first["id"], name=first["name"], arguments=text), *rest))


def _matters(name: str, value: Any, parameters: Parameters) -> bool:
    """Whether the call says something else without the argument."""
    if name in parameters.required:
        return True
    return parameters.default(name) is ABSENT and value is not None


def _change_first(values: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The object with its first number, flag, enum or identifier changed, however deep; ABSENT where it has none."""
    for name, value in values.items():
        schema = schemas.get(name)
        changed = _change(value, schema if isinstance(schema, dict) else {})
        if changed is not ABSENT:
            return {**values, name: changed}
    return ABSENT


def _change(value: Any, schema: Mapping[str, Any]) -> Any:
    """Another value of the same sort; ABSENT where a change may mean the same, as in the words of a text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, dict):
        properties = schema.get("properties")
        return _change_first(value, properties if isinstance(properties, dict) else {})
    if isinstance(value, list):
        items = schema.get("items")
        for index, item in enumerate(value):
            changed = _change(item, items if isinstance(items, dict) else {})
            if changed is not ABSENT:
                return [*value[:index], changed, *value[index + 1 :]]
    if isinstance(value, str):
        choices = schema.get("enum")
        if isinstance(choices, list) and (others := [choice for choice in choices if choice != value]):
            return others[0]
        if len(value.split()) == 1 and literals(value):
            return _next_digit(value)
    return ABSENT


def _next_digit(text: str) -> str:
    """The text with its last digit raised by one (9 to 0), or with a digit at its end."""
    digits = list(re.finditer(r"[0-9]", text))
    if not digits:
        return f"{text}0"
    position = digits[-1].start()
    return f"{text[:position]}{(int(text[position]) + 1) % 10}{text[position + 1 :]}"


def _any_tool(state: State) -> str:
    return next(iter(parameters_by_tool(state.tools)), "a_tool")
