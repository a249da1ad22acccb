"""`code_edit`: an edit of the same sort, to the same file, that removes and inserts much the same and is of like size.

What is removed and what is inserted are compared apart: compared together, an edit that inserts nothing looks much like
the one that was asked for. Viewing is the same file (whatever the lines), running is compared as by `terminal`,
anything else as by `tool_call`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.verifiers.comparing import calls
from tasks.verifiers.comparing.calls import CompareCalls, both_arguments
from tasks.verifiers.comparing.text import ordered_similarity
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds import terminal
from tasks.verifiers.kinds.terminal import TerminalSettings
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify, no

VERSION = 1
NOT_JUNK = frozenset({Control.VALUE_CHANGED, Control.ARGUMENT_REMOVED})  # the lines that are viewed are free
_TARGETS = ("path", "file_path", "filepath", "file", "filename", "target_file")
_REMOVED = ("old_str", "old_string", "old_text", "search", "old")
_INSERTED = ("new_str", "new_string", "new_text", "replace", "new", "file_text", "content", "contents", "insert_text")
_VIEWS = frozenset({"view", "open", "read", "read_file", "view_file", "cat"})
_WORD = re.compile(r"\w+|[^\w\s]")


class CodeEditSettings(VerifierSection):
    """An edit of the same sort, to the same file, that removes and inserts much the same."""

    kind: Literal["code_edit"] = "code_edit"
    min_removed_similarity: float = Field(0.8, gt=0, le=1, description="Similarity of the removed text.")
    min_inserted_similarity: float = Field(0.6, gt=0, le=1, description="Similarity of the inserted text.")
    max_size_ratio: float = Field(2.0, ge=1, description="How many times larger (or smaller) an edit may be, in words.")
    shell: TerminalSettings = TerminalSettings()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a call does to a file; `sort` is "view", or the name of the editing command."""

    sort: str
    target: str
    removed: str
    inserted: str


def make(settings: CodeEditSettings) -> Verify:
    """The verifier."""
    as_command = terminal.comparison(settings.shell)
    return calls.verifier(
        lambda wanted, given, state: _compare(wanted, given, state, settings, as_command),
        lambda wanted, given: terminal.compare_messages(wanted, given, settings.shell),
    )


def _compare(
    wanted: ToolCall, given: ToolCall, state: State, settings: CodeEditSettings, as_command: CompareCalls
) -> Verdict:
    if wanted["name"] == given["name"] and wanted["arguments"] == given["arguments"]:
        return EQUAL
    read = both_arguments(wanted, given)
    if isinstance(read, Verdict):
        return read
    expected, actual = _edit(wanted["name"], read[0]), _edit(given["name"], read[1])
    if expected is None:
        return as_command(wanted, given, state)
    if actual is None or actual.sort != expected.sort:
        return no(Reason.WRONG_TOOL, f"{given['name'][:100]} is not {expected.sort}")
    if actual.target != expected.target:
        return no(Reason.WRONG_ARGUMENT, f"{actual.target[:200]}, expected {expected.target[:200]}")
    if expected.sort == "view":
        return Verdict(1.0, Reason.EQUIVALENT, "same file")
    return _alike(expected, actual, settings)


def _alike(expected: Edit, actual: Edit, settings: CodeEditSettings) -> Verdict:
    for name, wanted, given, enough in (
        ("removed", expected.removed, actual.removed, settings.min_removed_similarity),
        ("inserted", expected.inserted, actual.inserted, settings.min_inserted_similarity),
    ):
        similarity = ordered_similarity(wanted, given)
        if similarity < enough:
            return no(Reason.WRONG_ARGUMENT, f"similarity of the {name} text {similarity:.2f} is under {enough:.2f}")
        sizes = sorted((1 + len(_WORD.findall(wanted)), 1 + len(_WORD.findall(given))))
        if sizes[1] > settings.max_size_ratio * sizes[0]:
            return no(Reason.WRONG_ARGUMENT, f"the {name} text has {sizes[1] / sizes[0]:.1f} times the size")
    return Verdict(1.0, Reason.EQUIVALENT, "a like edit")


def _edit(tool: str, values: dict[str, Any]) -> Edit | None:
    """The edit or view that a call is; None for any other tool. A tool with a `command` is one for each."""
    command = values.get("command")
    name = command if isinstance(command, str) and " " not in command and _text(values, _TARGETS) else tool
    target = _text(values, _TARGETS)
    removed, inserted = _text(values, _REMOVED), _text(values, _INSERTED)
    if target is None or (name not in _VIEWS and removed is None and inserted is None):
        return None
    # Where to insert is what an insertion removes nothing at.
    place = str(values.get("insert_line", ""))
    sort = "view" if name in _VIEWS else f"{name} {place}".strip()
    return Edit(sort, _path(target), removed or "", inserted or "")


def _text(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((values[name] for name in names if isinstance(values.get(name), str)), None)


def _path(text: str) -> str:
    return re.sub(r"/(?:\.?/)+", "/", text.strip()).removeprefix("./")
