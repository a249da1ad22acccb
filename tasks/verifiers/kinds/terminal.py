"""`terminal`: the same keystrokes, compared as parsed shell commands, then by similarity.

A demonstration is a message in the Terminus form (tasks/policy/parsing/terminus.py), or a call with an argument that
holds a command. Where similarity cannot tell, put a `judge` behind this kind in a `cascade`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.policy.parsing import Malformed
from tasks.policy.parsing.formats.terminus import session
from tasks.verifiers.comparing import calls, shell
from tasks.verifiers.comparing.calls import CompareCalls
from tasks.verifiers.comparing.screening import arguments
from tasks.verifiers.comparing.text import literals, ordered_similarity
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds import tool_call
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, excerpt, no

VERSION = 1
NOT_JUNK = frozenset({Control.VALUE_CHANGED, Control.ARGUMENT_REMOVED})  # the time to wait is free
_WAITING = ("timeout", "timeout_s", "timeout_sec", "timeout_seconds", "timeout_ms", "duration")
_BESIDE = frozenset((*_WAITING, "description", "explanation", "justification"))
"""Arguments of a shell tool that change how long it waits or what it tells, and not what it does."""


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
        description="Similarity that keystrokes must reach, beside the same programs, flags and words with digits; "
        "1 = off.",
    )


def make(settings: TerminalSettings) -> Verify:
    """The verifier."""
    return calls.verifier(comparison(settings), lambda a, b: compare_messages(a, b, settings))


def comparison(settings: TerminalSettings) -> CompareCalls:
    """How one call is compared with another. A call without a command is compared as by `tool_call`."""
    as_tool_call = tool_call.comparison(ToolCallSettings())

    def compare(expected: ToolCall, actual: ToolCall, state: State) -> Verdict:
        verdict = as_tool_call(expected, actual, state)
        if verdict.reason not in (Reason.WRONG_ARGUMENT, Reason.EXTRA_ARGUMENT, Reason.MISSING_ARGUMENT):
            return verdict
        expected_commands, expected_others = _split(expected, settings)
        actual_commands, actual_others = _split(actual, settings)
        if not expected_commands or expected_commands.keys() != actual_commands.keys():
            return verdict
        if expected_others != actual_others:
            return no(Reason.WRONG_ARGUMENT, f"{excerpt(actual_others)}, expected {excerpt(expected_others)}")
        for name, command in expected_commands.items():
            verdict = compare_keystrokes(command.strip(), actual_commands[name].strip(), settings.min_similarity)
            if verdict.reward != 1.0:
                return verdict
        return verdict

    return compare


def compare_keystrokes(expected: str, actual: str, min_similarity: float) -> Verdict:
    """The verdict on one text of keystrokes where another was demonstrated."""
    if expected == actual:
        return EQUAL
    detail = f"{excerpt(actual)}, expected {excerpt(expected)}"
    expected_script, script = shell.parse(expected), shell.parse(actual)
    if expected_script is None or script is None:
        return no(Reason.WRONG_ARGUMENT, f"not parsed and not the same: {detail}")
    if expected_script == script:
        return EQUIVALENT
    comparable = expected_script.skeleton == script.skeleton and len(expected_script.documents) == len(script.documents)
    if not comparable or min_similarity == 1:
        return no(Reason.WRONG_ARGUMENT, detail)
    similarity = _similarity(expected_script, script)
    if similarity >= min_similarity:
        return Verdict(1.0, Reason.EQUIVALENT, f"similarity {similarity:.2f}")
    return no(Reason.WRONG_ARGUMENT, f"similarity {similarity:.2f}: {detail}")


def _similarity(expected: shell.Script, actual: shell.Script) -> float:
    """That of the least similar command or here-document; 0 where a number, identifier or path of a command differs."""
    similarities = [ordered_similarity(a, b) for a, b in zip(expected.documents, actual.documents, strict=True)]
    for a, b in zip(expected.commands, actual.commands, strict=True):
        words_a, words_b = " ".join(a.words), " ".join(b.words)
        comparable = len(a.words) == len(b.words) and literals(words_a) == literals(words_b)
        similarities.append(ordered_similarity(words_a, words_b) if comparable else 0.0)
    return min(similarities)


def compare_messages(expected: str, actual: str, settings: TerminalSettings) -> Verdict:
    """The verdict on one message where another was demonstrated: Terminus sessions by their keystrokes."""
    try:
        expected_session = session(expected)
    except Malformed:
        expected_session = None
    try:
        actual_session = session(actual)
    except Malformed as malformed:
        if expected_session is None:  # a plain message was demonstrated: any message
            return calls.any_message(expected, actual)
        return no(Reason.PARSE_FAILURE, malformed.failure.detail)
    if expected_session is None:
        return no(Reason.WRONG_KIND, "keystrokes where a message was expected")
    if expected_session == actual_session:
        return EQUAL
    if expected_session.complete != actual_session.complete:
        return no(
            Reason.WRONG_ARGUMENT, f"says complete: {actual_session.complete}, expected {expected_session.complete}"
        )
    # Keystrokes are joined: where a session cuts them into commands says nothing.
    expected_keys, actual_keys = "".join(expected_session.keystrokes), "".join(actual_session.keystrokes)
    if expected_keys.endswith("\n") != actual_keys.endswith("\n"):
        return no(Reason.WRONG_ARGUMENT, "the last line is entered by one of the two only")
    return compare_keystrokes(expected_keys, actual_keys, settings.min_similarity)


def _split(call: ToolCall, settings: TerminalSettings) -> tuple[dict[str, str], dict[str, Any]]:
    """(arguments that hold commands, others that matter)."""
    values = arguments(call)
    commands = {name: text for name, text in values.items() if name in settings.arguments and isinstance(text, str)}
    return commands, {name: value for name, value in values.items() if name not in commands and name not in _BESIDE}
