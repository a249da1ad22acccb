"""`tool_call`: the same calls. Arguments are compared as parsed values under the tool's JSON schema.

Neither the text beside the calls matters nor their order. `tool_calls` adds credit for some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.policy.tool_schemas import UNKNOWN, parameters_by_tool
from tasks.verifiers.comparing import calls
from tasks.verifiers.comparing.calls import CompareCalls, wrong_tool
from tasks.verifiers.comparing.screening import arguments
from tasks.verifiers.comparing.values import Comparer, differing_argument
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no

VERSION = 3

_REMEMBERED = 4096
"""Demonstrations whose arguments are kept: a state's K samples ask for the same ones."""
_SHORT = 2_000
"""Characters; longer arguments are parsed again instead of kept."""


class ToolCallSettings(VerifierSection):
    """The same calls under the tool's JSON schema. Where a message was demonstrated, any message."""

    kind: Literal["tool_call"] = "tool_call"
    values: Comparer = Field(Comparer(), description="How the arguments are compared that `arguments` does not name.")
    arguments: dict[str, Comparer] = Field(
        default_factory=dict, description="How single arguments are compared, by `argument` or `tool.argument`."
    )


def make(settings: ToolCallSettings) -> Verify:
    """The verifier."""
    return calls.verifier(comparison(settings))


def comparison(settings: ToolCallSettings) -> CompareCalls:
    """How one call is compared with another."""
    cached_arguments = lru_cache(maxsize=_REMEMBERED)(_demonstrated_arguments)
    comparers_of = lru_cache(maxsize=_REMEMBERED)(lambda tool: _comparers(tool, settings.arguments))

    def compare(expected: ToolCall, actual: ToolCall, state: State) -> Verdict:
        tool = expected["name"]
        if tool != actual["name"]:
            return wrong_tool(expected, actual)
        text = expected["arguments"]
        if text == actual["arguments"]:
            return EQUAL
        values = cached_arguments(text) if len(text) <= _SHORT else _demonstrated_arguments(text)
        if isinstance(values, Verdict):
            return values
        try:
            actual_values = arguments(actual)
        except ValueError as error:
            return no(Reason.PARSE_FAILURE, f"arguments: {error}")
        parameters = parameters_by_tool(state.tools).get(tool, UNKNOWN)
        difference = differing_argument(values, actual_values, parameters, settings.values, comparers_of(tool))
        return no(*difference) if difference else EQUIVALENT

    return compare


def _demonstrated_arguments(text: str) -> Mapping[str, Any] | Verdict:
    """The arguments, or the verdict where they cannot be read."""
    try:
        return arguments(ToolCall(id="", name="", arguments=text))
    except ValueError as error:
        return no(Reason.BAD_DEMONSTRATION, f"its arguments: {error}")


def _comparers(tool: str, named: Mapping[str, Comparer]) -> dict[str, Comparer]:
    """The comparers of a tool's arguments; `tool.argument` goes before `argument`."""
    everywhere = {name: comparer for name, comparer in named.items() if "." not in name}
    own = {name.removeprefix(f"{tool}."): comparer for name, comparer in named.items() if name.startswith(f"{tool}.")}
    return {**everywhere, **own}
