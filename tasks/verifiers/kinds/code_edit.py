"""`code_edit`: an edit of the same sort and size, to the same file, that removes and inserts similar text.

Removed and inserted text are compared one by one. Compared together, an edit that inserts nothing would be similar to
the demonstrated one. Views are equal by their file, whatever the lines. Commands are compared as by `terminal`, and any
other call as by `tool_call`.
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
    """An edit of the same sort and size, to the same file, that removes and inserts similar text."""

    kind: Literal["code_edit"] = "code_edit"
    min_removed_similarity: float = Field(0.8, gt=0, le=1, description="Similarity that the removed text must reach.")
    min_inserted_similarity: float = Field(0.6, gt=0, le=1, description="Similarity that the inserted text must reach.")
    max_size_ratio: float = Field(2.0, ge=1, description="How many times larger or smaller an edit may be, in words.")
    shell: TerminalSettings = TerminalSettings()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a call does to a file. `sort` is "view", or the editing command with the line of an insertion."""

    sort: str
    target: str
    removed: str
    inserted: str


def make(settings: CodeEditSettings) -> Verify:
    """The verifier."""
    as_command = terminal.comparison(settings.shell)
    return calls.verifier(
        lambda expected, actual, state: _compare(expected, actual, state, settings, as_command),
        lambda expected, actual: terminal.compare_messages(expected, actual, settings.shell),
    )


def _compare(
    expected: ToolCall, actual: ToolCall, state: State, settings: CodeEditSettings, as_command: CompareCalls
) -> Verdict:
    if expected["name"] == actual["name"] and expected["arguments"] == actual["arguments"]:
        return EQUAL
    pair = both_arguments(expected, actual)
    if isinstance(pair, Verdict):
        return pair
    expected_edit, actual_edit = _edit(expected["name"], pair[0]), _edit(actual["name"], pair[1])
    if expected_edit is None:
        return as_command(expected, actual, state)
    if actual_edit is None or actual_edit.sort != expected_edit.sort:
        return no(Reason.WRONG_TOOL, f"{actual['name'][:100]} is not {expected_edit.sort}")
    if actual_edit.target != expected_edit.target:
        return no(Reason.WRONG_ARGUMENT, f"{actual_edit.target[:200]}, expected {expected_edit.target[:200]}")
    if expected_edit.sort == "view":
        return Verdict(1.0, Reason.EQUIVALENT, "same file")
    return _compare_edits(expected_edit, actual_edit, settings)


def _compare_edits(expected: Edit, actual: Edit, settings: CodeEditSettings) -> Verdict:
    for name, expected_text, text, min_similarity in (
        ("removed", expected.removed, actual.removed, settings.min_removed_similarity),
        ("inserted", expected.inserted, actual.inserted, settings.min_inserted_similarity),
    ):
        similarity = ordered_similarity(expected_text, text)
        if similarity < min_similarity:
            detail = f"similarity of the {name} text {similarity:.2f} is under {min_similarity:.2f}"
            return no(Reason.WRONG_ARGUMENT, detail)
        smaller, larger = sorted((1 + len(_WORD.findall(expected_text)), 1 + len(_WORD.findall(text))))
        if larger > settings.max_size_ratio * smaller:
            return no(Reason.WRONG_ARGUMENT, f"the {name} text has {larger / smaller:.1f} times the size")
    return Verdict(1.0, Reason.EQUIVALENT, "a like edit")


def _edit(tool: str, values: dict[str, Any]) -> Edit | None:
    """The edit or view that a call makes; None for any other call."""
    # One tool may have a `command` for each thing that it does: str_replace_editor.
    command = values.get("command")
    name = command if isinstance(command, str) and " " not in command and _text(values, _TARGETS) else tool
    target = _text(values, _TARGETS)
    removed, inserted = _text(values, _REMOVED), _text(values, _INSERTED)
    if target is None or (name not in _VIEWS and removed is None and inserted is None):
        return None
    # An insertion removes no text that would say where it goes, so its line is part of what is compared exactly.
    place = str(values.get("insert_line", ""))
    sort = "view" if name in _VIEWS else f"{name} {place}".strip()
    return Edit(sort, _path(target), removed or "", inserted or "")


def _text(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((values[name] for name in names if isinstance(values.get(name), str)), None)


def _path(text: str) -> str:
    return re.sub(r"/(?:\.?/)+", "/", text.strip()).removeprefix("./")
