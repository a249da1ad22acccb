"""What the pages say exists: commands parse, settings and make targets are there, links lead somewhere.

The pages are every Markdown file of the repository. A command is a line of a code block, or a code span, that begins
with `pivotrl`. A setting is what follows --set, a code span `section.key`, a key of a YAML block, or of a span
`{kind: ...}`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import unquote

import pytest
import yaml
from cyclopts import CycloptsError
from pydantic import BaseModel

from flows.cli import COMMANDS as COMMAND_LINE
from flows.cli import parse
from flows.settings.configuration import load_config, preset_names
from flows.settings.pipeline import PipelineConfig
from tasks.errors import ConfigurationError
from tasks.verifiers.kinds import VerifierSettings
from tests.servers import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
}
README_WORDS = 1200
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHER_YAML = {"apiVersion", "services", "deployments", "jobs"}
"""A YAML block with one of these keys is Kubernetes', compose's, Prefect's or a CI's, not a configuration of ours."""
FILE_ENDINGS = ("py", "md", "yaml", "json", "jsonl", "parquet", "txt", "html")


def blocks(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page, fenced or indented: language and text."""
    fenced = FENCE.findall(PAGES[page])
    indented = re.findall(r"^    (\S.*)$", FENCE.sub("", PAGES[page]), re.MULTILINE)
    return [*fenced, ("", "\n".join(indented))]


def spans(page: str) -> list[str]:
    """The inline code of a page, without line breaks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", PAGES[page]))]


def commands(page: str) -> Iterator[str]:
    """Command lines of `pivotrl`, without comments, continued lines joined."""
    for _, block in blocks(page):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if match := re.match(r"(?:\$ )?(?:\.venv/bin/)?(pivotrl [a-z].*)", line.strip()):
                yield shlex.join(shlex.split(match[1], comments=True))
    yield from (span for span in spans(page) if re.match(r"pivotrl [a-z]", span))


def command_names() -> set[str]:
    """The commands that there are."""
    return {function.__name__.strip("_") for functions in COMMAND_LINE.values() for function in functions}


def configuration(arguments: list[str]) -> str:
    """The preset or file that a command line names, parsed and not run; empty for a command without one.

    Raises:
        AssertionError: it is no command line.
    """
    try:
        return str(parse(arguments)[1].arguments.get("config", ""))
    except CycloptsError as error:
        raise AssertionError(f"does not parse: {shlex.join(arguments)}: {error}") from error


def check_command(command: str) -> None:
    """A command with arguments parses, and its settings exist; a name alone is a command's.

    Raises:
        AssertionError: the command line is none, or names a setting that is not there.
        ConfigurationError: a value of a preset's setting is out of bounds.
    """
    arguments = shlex.split(command)[1:]
    assert arguments[0] in command_names(), f"no such command: {command}"
    if len(arguments) == 1:
        return
    preset = configuration(arguments)
    settings = [value for name, value in pairwise(arguments) if name == "--set"]
    for setting in settings:
        check_key(setting.partition("=")[0])
    if preset in preset_names():
        load_config(preset, settings)


def unwrapped(annotation: Any) -> list[Any]:
    """The types that an annotation allows: no Annotated, no union, no None."""
    if get_origin(annotation) is Annotated:
        return unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for option in get_args(annotation) for kind in unwrapped(option)]
    return [] if annotation is type(None) else [annotation]


def models(annotation: Any) -> list[type[BaseModel]]:
    """The sections that an annotation allows, those of a union among them."""
    return [kind for kind in unwrapped(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def values_of(annotation: Any) -> list[Any]:
    """What the items of a list or the values of a mapping may be."""
    return [arguments[-1] for kind in unwrapped(annotation) if (arguments := [a for a in get_args(kind) if a != ...])]


def check_key(key: str) -> None:
    """A dotted setting exists; of a union of sections (the verifiers) any may have it.

    Raises:
        AssertionError: it does not exist.
    """
    reached: list[Any] = [PipelineConfig]
    for part in key.split("."):
        fields = [m.model_fields[part].annotation for at in reached for m in models(at) if part in m.model_fields]
        if not fields:  # a mapping of a user's own names: score.verifier.domains.retail
            fields = [value for at in reached if not models(at) for value in values_of(at)]
        assert fields, f"no such setting: {key} (at {part!r})"
        reached = fields


def check_values(values: dict[str, Any], options: list[type[BaseModel]], at: str) -> None:
    """Every key of a mapping is a field, down through its sections; `kind` chooses from a union.

    Raises:
        AssertionError: a key that no section has.
    """
    if "kind" in values:
        options = [m for m in options if "kind" in m.model_fields and allows(m, values["kind"])]
        assert options, f"no such kind at {at}: {values['kind']}"
    for key, value in values.items():
        fields = [m.model_fields[key].annotation for m in options if key in m.model_fields]
        assert fields, f"no such setting: {at}.{key}".replace(" .", " ")
        for annotation in fields:
            inner = models(annotation) or [m for option in values_of(annotation) for m in models(option)]
            mappings = [value] if models(annotation) else list(value.values()) if isinstance(value, dict) else value
            for mapping in mappings if inner and isinstance(mappings, list) else []:
                if isinstance(mapping, dict):
                    check_values(mapping, inner, f"{at}.{key}")


def allows(model: type[BaseModel], kind: str) -> bool:
    return kind in get_args(model.model_fields["kind"].annotation)


def is_setting(span: str) -> bool:
    """Whether a code span is a setting by its looks: a section of the configuration, a dot, a key, perhaps a value."""
    match = re.fullmatch(r"(\w+)((?:\.\w+)+)(?:=.*)?", span)
    return match is not None and match[1] in SECTIONS and not match[2].endswith(tuple(f".{e}" for e in FILE_ENDINGS))


SECTIONS = {name for name, field in PipelineConfig.model_fields.items() if models(field.annotation)}
COMMANDS = [(page, command) for page in PAGES for command in commands(page)]
SETTINGS = [(page, span) for page in PAGES for span in spans(page) if is_setting(span)]


def test_pages_commands_and_settings_are_found() -> None:
    assert {"README.md", "infra/README.md", "flows/README.md", "tests/README.md"} <= PAGES.keys()
    assert {command.split()[1] for _, command in COMMANDS} == command_names(), "each has an example on some page"
    assert ("README.md", "score.verifier") in SETTINGS
    assert len(SECTIONS) > 6


def test_the_readme_is_read_in_a_minute() -> None:
    assert len(PAGES["README.md"].split()) <= README_WORDS


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_parses_and_its_settings_exist(page: str, command: str) -> None:
    check_command(command)


@pytest.mark.parametrize(("page", "setting"), SETTINGS)
def test_every_setting_exists(page: str, setting: str) -> None:
    check_key(setting.partition("=")[0])


@pytest.mark.parametrize("page", PAGES)
def test_every_key_of_yaml_is_a_setting(page: str) -> None:
    for span in spans(page):
        if re.match(r"\{\s*kind:", span):
            check_yaml(span)
    for language, text in blocks(page):
        if language in ("yaml", "yml"):
            check_yaml(text)


def check_yaml(text: str) -> None:
    """A block of YAML names settings: of a verifier where it has a kind, else of a run.

    Raises:
        AssertionError: one of its keys does not exist.
    """
    values = yaml.safe_load(text)
    assert isinstance(values, dict)
    if not OTHER_YAML & values.keys():
        check_values(values, models(VerifierSettings) if "kind" in values else [PipelineConfig], "")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = re.sub(r"`[^`]*`", "", FENCE.sub("", PAGES[page]))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://|mailto:", link)]
    wrong = [link for link in links if not leads_somewhere(page, link)]
    assert wrong == [], f"{page}: links relative to {(ROOT / page).parent}"


def leads_somewhere(page: str, link: str) -> bool:
    """Whether a file or folder of the repository is there, and the heading in it that follows a #."""
    path, _, heading = unquote(link).partition("#")
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not heading or heading in anchors(target)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_the_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for _, block in blocks(page) for line in block.splitlines()]
    named = [match[1] for text in [*lines, *spans(page)] if (match := re.match(r"make ((?:[a-z]+ ?)+)", text.strip()))]
    assert {target for line in named for target in line.split()} <= targets


def test_the_readme_says_when_to_run_which_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) - {"setup", "clean"}
    told = {word for line in PAGES["tests/README.md"].splitlines() for word in re.findall(r"`make ([a-z ]+)`", line)}
    assert targets <= {target for words in told for target in words.split()}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_command, "pivotrl run desk --set select.max_maen=0.5"),
        (check_command, "pivotrl run desk --set select.max_mean=7"),
        (check_command, "pivotrl run desk --untill profiles"),
        (check_command, "pivotrl shwo"),
        (check_key, "train.step"),
        (check_key, "score.verifier.min_similarityy"),
        (check_key, "rollout.engine.max_model_length"),
        (check_yaml, "select: {max_maen: 0.5}"),
        (check_yaml, "{kind: pyhton}"),
        (check_yaml, "{kind: python, funktion: a:b}"),
        (check_yaml, "{kind: by_tool, tools: {bash: {kind: terminal, similarity: 1}}}"),
        (check_yaml, "score: {verifier: {kind: cascade, verifiers: [{kind: exact}, {kind: judge, vote: 3}]}}"),
    ],
)
def test_a_mistake_on_a_page_would_be_seen(check: Any, text: str) -> None:
    with pytest.raises((AssertionError, ConfigurationError)):
        check(text)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_key, "score.verifier.domains.retail.values.text"),
        (check_key, "rollout.engine.max_model_len"),
        (check_yaml, "score: {verifier: {kind: cascade, verifiers: [{kind: exact}, {kind: judge, votes: 3}]}}"),
        (check_yaml, "{kind: by_tool, tools: {bash: {kind: terminal, min_similarity: 1}}}"),
        (check_yaml, "apiVersion: v1"),
    ],
)
def test_what_exists_is_let_through(check: Any, text: str) -> None:
    check(text)
