"""A demonstration from the template to text and back through the parser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from schemas.chat import Role
from schemas.checks import CheckReason
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import Marks, ParseFailure, closes_empty_thought, differences
from tasks.policy.rendering import write_demonstration
from tasks.stages.check.self_check import RoundTrip
from tasks.states.example import Example


def round_trip(chat: ChatFormat, example: Example) -> RoundTrip:
    """Write a demonstration as the policy would, and read it."""
    state, demonstration = example.state, example.demonstration
    try:
        prefill = chat.prefill(state.messages, state.tools)
    except InputError as error:
        return RoundTrip(reason=CheckReason.NOT_RENDERED, detail=str(error))
    own = write_demonstration(chat, replace(example, prefill=prefill))
    text, completion = own.complete_text(demonstration), own.completion
    if completion is None:
        return RoundTrip(prefill, reason=CheckReason.NO_TEXT, detail=own.problem)
    if isinstance(completion, ParseFailure):
        reason, detail = CheckReason.UNREADABLE, f"{completion.reason}: {completion.detail}"
        return RoundTrip(prefill, text, completion, reason, detail)
    # A template that drops the reasoning of a demonstration is warned of, and counted, apart.
    shown = demonstration.reasoning.strip() in own.text
    changed = differences(demonstration, completion, reasoning=shown)
    if changed:
        detail = f"{' and '.join(changed)} of {own.text.strip()[:200]!r}"
        return RoundTrip(prefill, text, completion, CheckReason.CHANGED, detail)
    return RoundTrip(prefill, text, completion)


def empty_thoughts(marks: tuple[Marks, ...], examples: Sequence[Example], trips: Sequence[RoundTrip]) -> int:
    """How many demonstrations have no reasoning, so that the template writes an empty thought.

    Args:
        marks: of reasoning, in the format of the policy's completions.
    """
    return sum(
        not example.demonstration.reasoning.strip()
        and trip.text is not None
        and closes_empty_thought(trip.text, marks, trip.prefill)
        for example, trip in zip(examples, trips, strict=True)
    )


_PARTS: Mapping[str, Callable[[Example], bool]] = {
    "system messages": lambda e: any(m["role"] == Role.SYSTEM for m in e.state.messages),
    "tools": lambda e: bool(e.state.tools),
    "descriptions of tools": lambda e: any(t["function"].get("description") for t in e.state.tools),
    "parameters of tools": lambda e: any(t["function"].get("parameters") for t in e.state.tools),
    "earlier calls": lambda e: any(m["tool_calls"] for m in e.state.messages),
    "results of tools": lambda e: any(m["role"] == Role.TOOL for m in e.state.messages),
    "several calls in a turn": lambda e: any(len(m["tool_calls"]) > 1 for m in e.state.messages),
    "text beside a call": lambda e: any(m["tool_calls"] and m["content"].strip() for m in e.state.messages),
    "reasoning": lambda e: bool(e.demonstration.reasoning) or any(m["reasoning"] for m in e.state.messages),
}
"""Whether a state has the part that a probe of the template names."""


def hidden_parts(hidden: tuple[str, ...], examples: list[Example]) -> Counter[str]:
    """At how many states the template does not show a part that is there, by the part's name."""
    return Counter({part: count for part in hidden if (count := sum(map(_PARTS[part], examples)))})
