"""Terminus (Terminal-Bench): the whole completion is one JSON object. The two forms in use:

    {"analysis": "...", "plan": "...", "task_complete": false,
     "commands": [{"keystrokes": "ls -la\\n", "duration": 0.1}]}
    {"state_analysis": "...", "explanation": "...", "is_task_complete": false,
     "commands": [{"keystrokes": "ls -la\\n", "is_blocking": true, "timeout_sec": 10}]}

The action stays text, as it stands in the history; the `terminal` verifier reads the keystrokes from it with `session`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import strict_json

_Types = dict[str, type | tuple[type, ...]]
_NUMBER = (int, float)
_FORMS: tuple[tuple[_Types, _Types], ...] = (
    (
        {"analysis": str, "plan": str, "commands": list, "task_complete": bool},
        {"keystrokes": str, "duration": _NUMBER},
    ),
    (
        {"state_analysis": str, "explanation": str, "commands": list, "is_task_complete": bool},
        {"keystrokes": str, "is_blocking": bool, "timeout_sec": _NUMBER},
    ),
)
_OPTIONAL = frozenset({"task_complete", "duration", "is_blocking", "timeout_sec"})


@dataclass(frozen=True, slots=True)
class Session:
    """What the action does to the terminal."""

    keystrokes: tuple[str, ...]
    complete: bool


def session(text: str) -> Session:
    """The keystrokes of a Terminus completion, and whether it says that the task is done.

    Raises:
        Malformed: bad_json; not_a_call for a key that is missing, unknown or of another type.
    """
    try:
        value = strict_json(text)
    except ValueError as error:
        raise Malformed(ParseReason.BAD_JSON, f"{error}: {quoted(text)}") from error
    complaint = "not an object"
    for outer, inner in _FORMS if isinstance(value, dict) else ():
        complaint = _complaint(value, outer) or _first(_complaint(command, inner) for command in value["commands"])
        if not complaint:
            complete = value.get("task_complete", value.get("is_task_complete", False))
            return Session(tuple(command["keystrokes"] for command in value["commands"]), complete)
    raise Malformed(ParseReason.NOT_A_CALL, f"{complaint}: {quoted(text)}")


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text as it is, if it is a session.

    Raises:
        Malformed: as `session`.
    """
    if text.strip():
        session(text)
    return text, []


def _first(complaints: Iterable[str]) -> str:
    return next(filter(None, complaints), "")


def _complaint(value: Any, types: _Types) -> str:
    """What is wrong with an object that should have these keys; "" for nothing."""
    if not isinstance(value, dict):
        return "a command is not an object"
    if unknown := sorted(value.keys() - types.keys()):
        return f"unknown key {unknown[0]!r}"
    for key, expected in types.items():
        if key not in value:
            if key not in _OPTIONAL:
                return f"{key!r} is missing"
        elif not isinstance(value[key], expected) or (expected is not bool and isinstance(value[key], bool)):
            return f"{key!r} is of the wrong type"
    return ""


FORMAT = Format(read, calls=False)
