"""What is derived from the union of kinds."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tasks.verifiers import kinds
from tasks.verifiers.build import build, concurrency_of, fingerprint, identity
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds import (
    KINDS,
    AllOfSettings,
    AnyOfSettings,
    ByDomainSettings,
    ByToolSettings,
    CascadeSettings,
    ExactSettings,
    JudgeSettings,
    TerminalSettings,
    ToolCallSettings,
    ToolNameSettings,
)
from tests.tasks.verifiers.asking import at, call

README = (Path(__file__).parents[3] / "tasks" / "verifiers" / "README.md").read_text()
JUDGE = JudgeSettings(url="http://x/v1", model="m")
CASCADE = CascadeSettings(verifiers=(TerminalSettings(), JUDGE))
VERSIONS = {
    **dict.fromkeys(KINDS, 1),
    "exact": 2,
    "tool_name": 2,
    "tool_call": 3,
    "search": 2,
    "message": 2,
    "world_state": 2,
    "judge": 101,
}
"""A version is part of the name of stored scores: whoever raises one changes it here too."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_code_beside_its_settings(kind: str) -> None:
    name = KINDS[kind].__module__.removeprefix(f"{kinds.__name__}.").split(".")[0]
    module = importlib.import_module(f"{kinds.__name__}.{name}")
    assert callable(module.make) and VERSIONS[kind] == module.VERSION
    assert getattr(module, "NOT_JUNK", frozenset()) <= set(Control)


def test_every_file_of_a_kind_is_in_the_union() -> None:
    folder = Path(kinds.__file__).parent
    names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    used = {settings.__module__.removeprefix(f"{kinds.__name__}.").split(".")[0] for settings in KINDS.values()}
    assert names - {"__init__"} == used


def test_the_readme_names_every_kind_and_every_control() -> None:
    cells = " ".join(re.findall(r"^\| (`[^|]*) \|", README, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", cells)) == {*KINDS, *(control.value for control in Control)}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (ExactSettings(), "exact/2"),
        (JUDGE, "judge/101"),
        (ByToolSettings(tools={"t": ExactSettings()}), "by_tool/1(exact/2, tool_call/3)"),
        (AllOfSettings(verifiers=(CASCADE,)), "all_of/1(cascade/1(terminal/1, judge/101))"),
    ],
)
def test_identity(settings: ExactSettings, text: str) -> None:
    assert identity(settings) == text


def test_the_fingerprint_has_the_settings_that_enter_a_version() -> None:
    settings = AnyOfSettings(verifiers=(ExactSettings(), JUDGE.model_copy(update={"retries": 7})))
    assert fingerprint(settings) == fingerprint(AnyOfSettings(verifiers=(ExactSettings(), JUDGE)))
    assert '"votes": 2' in fingerprint(settings) and "retries" not in fingerprint(settings)


def test_concurrency_is_the_largest_of_the_parts() -> None:
    fast = JUDGE.model_copy(update={"concurrency": 32})
    assert concurrency_of(ExactSettings()) == 1
    assert concurrency_of(JUDGE) == 8
    assert concurrency_of(AnyOfSettings(verifiers=(JUDGE, ByDomainSettings(domains={"a": fast})))) == 32


def test_identity_names_every_kind_inside() -> None:
    text = identity(AnyOfSettings(verifiers=(ExactSettings(), ByToolSettings(tools={"t": ToolNameSettings()}))))
    assert all(kind in text for kind in ("any_of/", "exact/", "by_tool/", "tool_name/", "tool_call/"))


def test_settings_of_several_comparers_are_kept_apart() -> None:
    """Two verifiers of one kind share no state."""
    loose, strict = build(ToolNameSettings()), build(ToolCallSettings())
    assert loose(at(), call("t", x=1), call("t", x=2)).reward == 1.0
    assert strict(at(), call("t", x=1), call("t", x=2)).reward == 0.0
