"""What a completion is: an action, or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from schemas.chat import Action, ToolCall, ToolSchema

QUOTED = 200
"""Characters of the completion that a failure quotes."""


class ParseReason(StrEnum):
    """Why a completion is no action."""

    TRUNCATED = "truncated"
    """The sampler stopped at the length limit."""
    UNCLOSED_CALL = "unclosed_call"
    """An opening or closing mark of a call without its partner, or text between the parts of a call."""
    BAD_JSON = "bad_json"
    """What should be JSON is not, repeats a key, is nested too deeply, or holds NaN or an infinite number."""
    NOT_A_CALL = "not_a_call"
    """JSON, but not the object that this format calls a call."""
    BAD_PARAMETER = "bad_parameter"
    """A parameter given twice, or whose text is no value of the type that the tool's schema declares."""
    UNCLOSED_REASONING = "unclosed_reasoning"
    """Reasoning was opened and never closed, or opened again."""
    OVERLONG_REASONING = "overlong_reasoning"
    """The sampler stopped within reasoning, at a length limit of its own."""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A completion that is no action; `detail` quotes what was wrong."""

    reason: ParseReason
    detail: str


Completion = Action | ParseFailure
"""What a completion is."""

Marks = tuple[str, str]
"""What opens reasoning, and what closes it."""
THINK: tuple[Marks, ...] = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
Read = Callable[[str, tuple[ToolSchema, ...]], tuple[str, list[ToolCall]]]
"""From a completion without its reasoning, and the state's tools, to (text around the calls, calls). Raises
Malformed."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a family of models writes an action."""

    read: Read
    reasoning: tuple[Marks, ...] = THINK
    calls: bool = True
    """Whether it can write calls. A format of text alone has none."""
    split: Callable[[str], tuple[str, str]] | None = None
    """From a completion to (reasoning, rest), where marks do not say it. Raises Malformed."""


class Malformed(ValueError):
    """Raised inside a format; `Parser` turns it into a ParseFailure."""

    def __init__(self, reason: ParseReason, detail: str) -> None:
        super().__init__(detail)
        self.failure = ParseFailure(reason, detail)


def quoted(text: str) -> str:
    """The beginning of a text, for a failure's detail."""
    return text.strip()[:QUOTED]


def differences(a: Action, b: Completion, *, reasoning: bool = False) -> tuple[str, ...]:
    """Which of "parse", "text", "calls" and "reasoning" differ. White space around a text and the ids of calls do not
    count, and calls are compared by value.

    Args:
        reasoning: compare it too.
    """
    if not isinstance(b, Action):
        return ("parse",)
    differing = {
        "text": a.content.strip() != b.content.strip(),
        "calls": list(map(_value, a.tool_calls)) != list(map(_value, b.tool_calls)),
        "reasoning": reasoning and a.reasoning.strip() != b.reasoning.strip(),
    }
    return tuple(name for name, differs in differing.items() if differs)


def _value(call: ToolCall) -> tuple[str, str]:
    try:
        return call["name"], json.dumps(json.loads(call["arguments"]), sort_keys=True)
    except ValueError:
        return call["name"], call["arguments"]


def ends_in_part_of(mark: str, text: str) -> bool:
    """Whether a text breaks off inside a mark."""
    return any(text.endswith(mark[:length]) for length in range(1, len(mark)))
