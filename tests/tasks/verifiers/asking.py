"""Actions in one line, and a verifier asked about a pair of them."""

from __future__ import annotations

import json
from typing import Any

from schemas.chat import Action, State, ToolCall, ToolSchema
from tasks.policy.parsing import Completion
from tasks.verifiers.build import build
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.verdict import Verdict


def calls(*pairs: tuple[str, Any]) -> Action:
    """An action of (name, arguments) pairs; arguments that are a text are taken as they are."""
    return Action(
        tool_calls=tuple(
            ToolCall(id=f"c{i}", name=name, arguments=values if isinstance(values, str) else json.dumps(values))
            for i, (name, values) in enumerate(pairs)
        )
    )


def call(name: str, **arguments: Any) -> Action:
    """An action of one call."""
    return calls((name, arguments))


def says(text: str) -> Action:
    """A message."""
    return Action(content=text)


def tool(name: str, required: tuple[str, ...] = (), **properties: dict[str, Any]) -> ToolSchema:
    """A tool with these properties."""
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def at(*tools: ToolSchema, domain: str = "") -> State:
    """A state with these tools."""
    return State("t", 0, (), tools, domain=domain)


def verdict(settings: VerifierSettings, expected: Action, actual: Completion, state: State | None = None) -> Verdict:
    """What the verifier says."""
    return build(settings)(state or at(), expected, actual)


def same_count(_: State, demonstration: Action, action: Action) -> float:
    """A user's own verifier: as many calls."""
    return float(len(demonstration.tool_calls) == len(action.tool_calls))
