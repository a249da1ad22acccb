"""The README's commands are the command line's, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex

import pytest

from flows.cli import parse
from flows.settings.configuration import load_config
from tests.servers import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("pivotrl ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command: str) -> None:
    function, bound = parse(shlex.split(command)[1:])
    assert function.__name__.strip("_") == command.split()[1]
    if command.split()[1] in ("run", "retrain", "compare"):
        bound.apply_defaults()
        load_config(*(bound.arguments[name] for name in ("config", "settings", "store")))


def test_every_link_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", README, re.MULTILINE)) <= targets
