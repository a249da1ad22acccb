from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.chat import Action
from tasks.verifiers.build import build, not_junk
from tasks.verifiers.controls import Control, controls
from tasks.verifiers.kinds import (
    AllOfSettings,
    AnyOfSettings,
    ByDomainSettings,
    ByToolSettings,
    ExactSettings,
    JudgeSettings,
    ToolCallSettings,
    ToolNameSettings,
    VerifierSettings,
)
from tests.tasks.verifiers.asking import at, call, calls, says, tool

BOOK = tool(
    "book",
    ("flight",),
    flight={"type": "string"},
    note={"type": "string"},
    cabin={"enum": ["economy", "business"], "type": "string"},
)
OTHER = call("cancel", id="X9")


def junk_of(demonstration: Action, *tools: Any, other: Action | None = OTHER) -> dict[Control, Action]:
    return dict(controls(at(*tools), demonstration, other))


def arguments(action: Action) -> Any:
    return json.loads(action.tool_calls[0]["arguments"])


def test_a_call_gets_every_control() -> None:
    demonstration = call("book", note="by the window", flight="HAT019", cabin="economy")
    junk = junk_of(demonstration, BOOK)
    assert set(junk) == set(Control) - {Control.CALL}
    assert arguments(junk[Control.NO_ARGUMENTS]) == {}
    assert arguments(junk[Control.ARGUMENT_REMOVED]) == {"note": "by the window", "cabin": "economy"}
    assert arguments(junk[Control.VALUE_CHANGED]) == {"note": "by the window", "flight": "HAT010", "cabin": "economy"}
    assert junk[Control.OTHER_CALL] == Action(tool_calls=OTHER.tool_calls)
    assert junk[Control.DESCRIBED].content and not junk[Control.DESCRIBED].tool_calls
    with pytest.raises(ValueError):  # noqa: PT011
        arguments(junk[Control.TRUNCATED])


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        (1, 2),
        (1.5, 2.5),
        (True, False),
        ("A-9", "A-0"),
        ("a@b.c", "a@b.c0"),
        ({"deep": {"id": "u1"}}, {"deep": {"id": "u2"}}),
        (["some words", "k7"], ["some words", "k8"]),
    ],
)
def test_the_value_that_is_changed(value: Any, changed: Any) -> None:
    junk = junk_of(call("t", words="only words", x=value))
    assert arguments(junk[Control.VALUE_CHANGED]) == {"words": "only words", "x": changed}


def test_an_enum_is_changed_to_another_of_its_values() -> None:
    assert arguments(junk_of(call("book", cabin="economy"), BOOK)[Control.VALUE_CHANGED]) == {"cabin": "business"}


@pytest.mark.parametrize(
    ("demonstration", "missing"),
    [
        (call("t"), {Control.NO_ARGUMENTS, Control.ARGUMENT_REMOVED, Control.VALUE_CHANGED}),
        (call("t", words="only words"), {Control.VALUE_CHANGED}),
        (calls(("t", "{broken")), {Control.NO_ARGUMENTS, Control.ARGUMENT_REMOVED, Control.VALUE_CHANGED}),
        (OTHER, {Control.OTHER_CALL}),
    ],
)
def test_no_control_is_made_that_would_be_right(demonstration: Action, missing: set[Control]) -> None:
    assert set(Control) - {Control.CALL} - set(junk_of(demonstration)) == missing


def test_leaving_out_a_default_is_no_junk() -> None:
    defaulted = tool("t", n={"type": "integer", "default": 1})
    assert Control.NO_ARGUMENTS not in junk_of(call("t", n=1), defaulted)


def test_a_message_gets_an_empty_one_and_a_call() -> None:
    assert junk_of(says("Hello.")) == {Control.EMPTY: Action(), Control.CALL: Action(tool_calls=OTHER.tool_calls)}
    assert junk_of(says("Hello."), BOOK, other=None)[Control.CALL].tool_calls[0]["name"] == "book"


JUDGE = JudgeSettings(url="http://x", model="m")


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (ToolCallSettings(), True),
        (ToolNameSettings(), False),
        (JUDGE, False),
        (AllOfSettings(verifiers=(ToolNameSettings(), ToolCallSettings())), True),
        (AnyOfSettings(verifiers=(ExactSettings(), JUDGE)), False),
        (ByDomainSettings(domains={"desk": ToolNameSettings()}), False),
        (ByDomainSettings(domains={"other": ToolNameSettings()}), True),
        (ByToolSettings(tools={"t": ToolNameSettings()}), False),
    ],
)
def test_a_kind_is_not_asked_about_what_it_leaves_free(settings: VerifierSettings, asked: bool) -> None:
    skipped = not_junk(settings, at(domain="desk"), call("t", x=1))
    assert (Control.VALUE_CHANGED not in skipped) == asked
    assert not skipped & {Control.EMPTY, Control.TRUNCATED, Control.DESCRIBED, Control.CALL}


def test_every_control_scores_nothing_with_tool_call() -> None:
    demonstration = call("book", flight="HAT019", cabin="economy")
    verify = build(ToolCallSettings())
    assert {verify(at(BOOK), demonstration, junk).reward for _, junk in controls(at(BOOK), demonstration, OTHER)} == {
        0.0
    }
