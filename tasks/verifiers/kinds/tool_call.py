"""`tool_call`: the same calls, arguments compared as parsed values under the tool's JSON schema.

The text beside the calls does not matter, nor does their order. What `tool_calls` adds is credit for some of them.
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

VERSION = 2

_REMEMBERED = 4096
"""Demonstrations that are not read again."""
_SHORT = 2_000
"""Characters of arguments that are worth remembering."""


class ToolCallSettings(VerifierSection):
    """The same calls up to what the tool's JSON schema calls equal; where a message is expected, any message."""

    kind: Literal["tool_call"] = "tool_call"
    values: Comparer = Field(Comparer(), description="How arguments are compared that `arguments` does not name.")
    arguments: dict[str, Comparer] = Field(
        default_factory=dict, description="Comparers of single arguments, by `argument` or `tool.argument`."
    )


def make(settings: ToolCallSettings) -> Verify:
    """The verifier."""
    return calls.verifier(comparison(settings))


def comparison(settings: ToolCallSettings) -> CompareCalls:
    """How one call is compared with another."""
    expected_arguments = lru_cache(maxsize=_REMEMBERED)(_expected)
    comparers_of = lru_cache(maxsize=_REMEMBERED)(lambda tool: _comparers(tool, settings.arguments))

    def compare(wanted: ToolCall, given: ToolCall, state: State) -> Verdict:
        tool = wanted["name"]
        if tool != given["name"]:
            return wrong_tool(wanted, given)
        text = wanted["arguments"]
        if text == given["arguments"]:
            return EQUAL
        expected = expected_arguments(text) if len(text) <= _SHORT else _expected(text)
        if isinstance(expected, Verdict):
            return expected
        try:
            actual = arguments(given)
        except ValueError as error:
            return no(Reason.PARSE_FAILURE, f"arguments: {error}")
        parameters = parameters_by_tool(state.tools).get(tool, UNKNOWN)
        difference = differing_argument(expected, actual, parameters, settings.values, comparers_of(tool))
        return no(*difference) if difference else EQUIVALENT

    return compare


def _expected(text: str) -> Mapping[str, Any] | Verdict:
    """The demonstrated arguments; it is asked for again with every sample of a state."""
    try:
        return arguments(ToolCall(id="", name="", arguments=text))
    except ValueError as error:
        return no(Reason.BAD_DEMONSTRATION, f"its arguments: {error}")


def _comparers(tool: str, named: Mapping[str, Comparer]) -> dict[str, Comparer]:
    """The comparers that are set for arguments of a tool; `tool.argument` goes before `argument`."""
    everywhere = {name: comparer for name, comparer in named.items() if "." not in name}
    own = {name.removeprefix(f"{tool}."): comparer for name, comparer in named.items() if name.startswith(f"{tool}.")}
    return {**everywhere, **own}
