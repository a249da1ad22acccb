"""`terminal`: the same keystrokes, compared as parsed shell commands, then by similarity.

A demonstration is either a message in the Terminus form (tasks/policy/parsing/terminus.py) or a call whose argument
holds a command. A judge for what similarity cannot tell goes behind it in a `cascade`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.policy.parsing import Malformed
from tasks.policy.parsing.terminus import session
from tasks.verifiers.comparing import calls, shell
from tasks.verifiers.comparing.calls import CompareCalls
from tasks.verifiers.comparing.screening import arguments
from tasks.verifiers.comparing.text import literals, ordered_similarity
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds import tool_call
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no, shown

VERSION = 1
NOT_JUNK = frozenset({Control.VALUE_CHANGED, Control.ARGUMENT_REMOVED})  # the time to wait is free
_WAITING = ("timeout", "timeout_s", "timeout_sec", "timeout_seconds", "timeout_ms", "duration")
_BESIDE = frozenset((*_WAITING, "description", "explanation", "justification"))
"""Arguments of a shell tool that change how long it waits or what it says, not what it does."""


class TerminalSettings(VerifierSection):
    """The same shell commands, as parsed: Terminus JSON in a message, or calls of a shell tool."""

    kind: Literal["terminal"] = "terminal"
    arguments: tuple[str, ...] = Field(
        ("command", "cmd", "keystrokes", "commands"), description="Arguments of a shell tool that hold commands."
    )
    min_similarity: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Similarity of the keystrokes from which they are equal, given the same programs, flags and "
        "words with digits; 1 = off.",
    )


def make(settings: TerminalSettings) -> Verify:
    """The verifier."""
    return calls.verifier(comparison(settings), lambda a, b: compare_messages(a, b, settings))


def comparison(settings: TerminalSettings) -> CompareCalls:
    """How one call is compared with another; a call that holds no command is compared as by `tool_call`."""
    as_tool_call = tool_call.comparison(ToolCallSettings())

    def compare(wanted: ToolCall, given: ToolCall, state: State) -> Verdict:
        verdict = as_tool_call(wanted, given, state)
        if verdict.reason not in (Reason.WRONG_ARGUMENT, Reason.EXTRA_ARGUMENT, Reason.MISSING_ARGUMENT):
            return verdict
        (typed, others), (pressed, actual_others) = _divided(wanted, settings), _divided(given, settings)
        if not typed or typed.keys() != pressed.keys():
            return verdict
        if others != actual_others:
            return no(Reason.WRONG_ARGUMENT, f"{shown(actual_others)}, expected {shown(others)}")
        for name, command in typed.items():
            verdict = compare_keystrokes(command.strip(), pressed[name].strip(), settings.min_similarity)
            if verdict.reward != 1.0:
                return verdict
        return verdict

    return compare


def compare_keystrokes(wanted: str, given: str, min_similarity: float) -> Verdict:
    """The verdict on one text of keystrokes where another was demonstrated."""
    if wanted == given:
        return EQUAL
    detail = f"{shown(given)}, expected {shown(wanted)}"
    expected, actual = shell.parsed(wanted), shell.parsed(given)
    if expected is None or actual is None:
        return no(Reason.WRONG_ARGUMENT, f"not parsed and not the same: {detail}")
    if expected == actual:
        return EQUIVALENT
    alike = expected.skeleton == actual.skeleton and len(expected.documents) == len(actual.documents)
    if not alike or min_similarity == 1:
        return no(Reason.WRONG_ARGUMENT, detail)
    similarity = _similarity(expected, actual)
    if similarity >= min_similarity:
        return Verdict(1.0, Reason.EQUIVALENT, f"similarity {similarity:.2f}")
    return no(Reason.WRONG_ARGUMENT, f"similarity {similarity:.2f}: {detail}")


def _similarity(expected: shell.Script, actual: shell.Script) -> float:
    """Of the least similar command or here-document; 0 where an identifier, number or path differs in a command."""
    found = [ordered_similarity(a, b) for a, b in zip(expected.documents, actual.documents, strict=True)]
    for a, b in zip(expected.commands, actual.commands, strict=True):
        wanted, given = " ".join(a.words), " ".join(b.words)
        alike = len(a.words) == len(b.words) and literals(wanted) == literals(given)
        found.append(ordered_similarity(wanted, given) if alike else 0.0)
    return min(found)


def compare_messages(wanted: str, given: str, settings: TerminalSettings) -> Verdict:
    """The verdict on one message where another was demonstrated: Terminus sessions by their keystrokes."""
    try:
        expected = session(wanted)
    except Malformed:
        expected = None
    try:
        actual = session(given)
    except Malformed as malformed:
        if expected is None:  # a plain message was demonstrated: any message
            return calls.any_message(wanted, given)
        return no(Reason.PARSE_FAILURE, malformed.failure.detail)
    if expected is None:
        return no(Reason.WRONG_KIND, "keystrokes where a message was expected")
    if expected == actual:
        return EQUAL
    if expected.complete != actual.complete:
        return no(Reason.WRONG_ARGUMENT, f"says complete: {actual.complete}, expected {expected.complete}")
    typed, pressed = "".join(expected.keystrokes), "".join(actual.keystrokes)
    if typed.endswith("\n") != pressed.endswith("\n"):
        return no(Reason.WRONG_ARGUMENT, "the last line is entered by one of the two only")
    return compare_keystrokes(typed, pressed, settings.min_similarity)


def _divided(call: ToolCall, settings: TerminalSettings) -> tuple[dict[str, str], dict[str, Any]]:
    """(arguments that hold commands, others that matter)."""
    values = arguments(call)
    commands = {name: text for name, text in values.items() if name in settings.arguments and isinstance(text, str)}
    return commands, {name: value for name, value in values.items() if name not in commands and name not in _BESIDE}
