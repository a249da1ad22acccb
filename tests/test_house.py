"""The house rules that a machine can check: which way imports run, what stays light, what nothing is called, where a
test stands, and which folders explain themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from schemas.stages import STAGES

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks", "schemas")
ROOMS = (
    "schemas",
    "tasks.errors",
    "tasks.modules",
    "tasks.store",
    "tasks.artefact",
    "tasks.states",
    "tasks.children",
    "tasks.worlds",
    "tasks.policy",
    "tasks.sampler",
    "tasks.verifiers",
    "tasks.exchange",
    "tasks.report",
    "tasks.orchestration",
    "tasks.stages",
    "flows.reuse",
    "flows.settings",
    "flows.pivotrl",
    "flows.retrain",
    "flows.compare",
    "flows.server",
    "flows.cli",
)
"""From the bottom up: a room imports those before it."""
VERBS = tuple(stage.verb for stage in STAGES)
STAGE_FILES = ("stage.py", "task.py")
"""What every stage has: what it makes and from what; its Prefect task."""
EXTENSION_POINTS = {
    "tasks/stages": "a stage",
    "tasks/stages/ingest": "a format",
    "tasks/stages/train": "a loss variant",
    "tasks/verifiers": "a kind of verifier",
    "tasks/sampler": "an engine",
}
"""Folder to what is added there. Its README.md has a heading "Add ..." with the list of the files to touch."""
EXPLAINED = (*EXTENSION_POINTS, "tasks/policy", "tasks/artefact", "flows", "infra", "tests", "tests/bench")
"""Folders with a README.md."""
GARDEN = {"firsts", "hollow", "whole", "plant", "grow", "deal"}
PARTICIPLES = {
    "Given",
    "Earlier",
    "Prompted",
    "Counted",
    "Finished",
    "Collected",
    "Admitted",
    "Trained",
    "Demonstrated",
}
BANNED = GARDEN | PARTICIPLES | {"Live"}
"""Names that no function or class has, with or without underscores: the field has words for these things."""
NO_MIRROR = {
    "tests/flows/server/test_deployment.py": "runs that a worker starts from a deployment",
    "tests/flows/server/test_recovery.py": "runs whose worker or server died",
    "tests/flows/server/test_ui.py": "Prefect's UI in a browser",
    "tests/flows/test_faults.py": "faults injected into every stage of a run",
    "tests/flows/test_s3.py": "whole runs on an S3 server",
    "tests/flows/test_smollm2.py": "a run with a pretrained model",
    "tests/flows/test_sys_path.py": "flows/ first on sys.path, as Prefect loads a flow",
    "tests/schemas/test_tables.py": "every table of schemas/",
    "tests/tasks/policy/parsing/test_every_format.py": "every format of parsing/formats/",
    "tests/tasks/policy/test_published_templates.py": "chat templates that packages publish",
    "tests/tasks/policy/test_served_prompts.py": "prompts against those of vLLM's OpenAI server",
    "tests/tasks/report/test_browser_html.py": "the page browser.html in Chromium",
    "tests/tasks/stages/ingest/formats/test_robustness.py": "every format, on damaged records",
    "tests/tasks/stages/ingest/test_shared_data.py": "real trajectories that are not in the repository",
    "tests/tasks/stages/split/test_shared_data.py": "real trajectories that are not in the repository",
    "tests/tasks/stages/train/test_trl.py": "the update against TRL's",
    "tests/tasks/verifiers/kinds/test_adding_a_kind.py": "a kind that is added as the README says",
    "tests/tasks/verifiers/test_properties.py": "what holds for every kind of verifier",
    "tests/tasks/verifiers/test_shared_data.py": "real pairs that are not in the repository",
    "tests/tasks/worlds/test_shipped_policy.py": "the model file of tasks/policy/desk",
}
"""Test files that have no module at the mirrored path, with what they test."""
TEST_FILES = [
    str(path.relative_to(ROOT)) for name in PACKAGES for path in sorted((ROOT / "tests" / name).rglob("test_*.py"))
]
HEAVY = {"torch", "vllm", "transformers", "accelerate", "peft", "datasets"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def statements(body: list[ast.stmt], *, everywhere: bool) -> Iterator[ast.stmt]:
    """The statements of a module; only those that run at its import unless `everywhere`."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody", "handlers"):
            inside = getattr(node, name, [])
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            deferred = typing_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if inside and (everywhere or not deferred):
                yield from statements(inside, everywhere=everywhere)


@cache
def imports(module: str, *, everywhere: bool = False) -> frozenset[str]:
    """The modules that a module names in its imports; `from a import b` names a.b where that is a module, else a."""
    found = set()
    for node in statements(ast.parse(MODULES[module].read_text()).body, everywhere=everywhere):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in MODULES else node.module for a in node.names
            }
    return frozenset(found)


def room(module: str) -> str:
    """The first of the rooms that holds it; "" for the packages around them."""
    return next((name for name in ROOMS if f"{module}.".startswith(f"{name}.")), "")


def stage(module: str) -> str:
    """The stage that it belongs to; "" for what is no stage's."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["tasks", "stages"] and len(parts) > 2 else ""


def inner(module: str) -> set[str]:
    """The modules of this project that it imports anywhere."""
    return {name for name in imports(module, everywhere=True) if name.split(".")[0] in PACKAGES}


def test_there_is_a_house() -> None:
    assert {room(module) for module in MODULES} == {*ROOMS, ""}
    assert {stage(module) for module in MODULES} == {*VERBS, ""}
    assert "tasks.store.store" in inner("tasks.artefact.stage")
    assert "tasks.errors" in inner("flows.cli"), "imports inside of functions are seen"


@pytest.mark.parametrize("module", MODULES)
def test_no_import_runs_upward(module: str) -> None:
    above = set(ROOMS[ROOMS.index(room(module)) + 1 :]) if room(module) else set(ROOMS)
    wrong = [name for name in inner(module) if room(name) in above]
    assert not wrong, f"{module} imports {wrong}, which stand above it"


def test_no_imports_run_in_a_circle() -> None:
    graph = {module: inner(module) & set(MODULES) - {module} for module in MODULES}
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", [m for m in MODULES if stage(m)])
def test_a_stage_imports_no_other_stage(module: str) -> None:
    assert not [name for name in inner(module) if stage(name) not in ("", stage(module))]


def reached(start: str) -> dict[str, str]:
    """What importing a module imports, each with the module that asked for it."""
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        for name in imports(module):
            parents = [".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 2)]
            for new in (p for p in parents if p not in found):
                found[new] = module
                waiting += [new] if new in MODULES else []
    return found


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("flows")])
def test_the_orchestrating_process_imports_nothing_heavy(module: str) -> None:
    heavy = {name: by for name, by in reached(module).items() if name.split(".")[0] in HEAVY}
    assert not heavy, f"importing {module} imports {heavy}"


@pytest.mark.parametrize("module", MODULES)
def test_no_module_has_a_name_that_says_nothing_or_hides_another(module: str) -> None:
    name = module.split(".")[-1]
    assert name not in {"utils", "util", "common", "helpers", "helper", "base", "misc", "tasks_", "core"}
    if MODULES[module].name != "__init__.py":  # the packages `select` and `profile` hide nothing
        assert name not in sys.stdlib_module_names, f"{module} is named after a standard library module"
    if module.count(".") == 1 and module.startswith("flows."):
        assert name not in {"tasks", "schemas"}, "Prefect puts flows/ first on sys.path"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_refers_to_what_is_not_in_the_repository(module: str) -> None:
    text = MODULES[module].read_text()
    for outside in ("METHOD.md", "DESIGN.md", "STYLE.md", "/work/", "../shared"):
        assert outside not in text, f"{module} refers to {outside}"


@pytest.mark.parametrize("stage", VERBS)
def test_every_stage_says_what_it_makes_and_has_a_task(stage: str) -> None:
    assert [name for name in STAGE_FILES if not (ROOT / "tasks" / "stages" / stage / name).is_file()] == []


def mirrored(test: str) -> list[str]:
    """The modules that a test file may be for: tests/a/test_b.py for a/b.py, or for the package a/b.

    A package may have its test inside as well: tests/a/b/test_b.py.
    """
    folder, _, file = test.removeprefix("tests/").rpartition("/")
    name = file.removeprefix("test_").removesuffix(".py")
    inside = [f"{folder}/__init__.py"] if folder.rpartition("/")[2] == name else []
    return [f"{folder}/{name}.py", f"{folder}/{name}/__init__.py", *inside]


@pytest.mark.parametrize("test", TEST_FILES)
def test_a_test_file_stands_where_its_module_does(test: str) -> None:
    there = any((ROOT / path).is_file() for path in mirrored(test))
    if test in NO_MIRROR:
        assert not there, f"{test} has a module: take it off the list NO_MIRROR"
    else:
        assert there, f"{test}: no {' or '.join(mirrored(test))}. Move it, or give the reason in NO_MIRROR"


def test_the_exceptions_are_there() -> None:
    assert NO_MIRROR.keys() <= set(TEST_FILES)


@pytest.mark.parametrize("folder", EXPLAINED)
def test_folders_explain_themselves(folder: str) -> None:
    assert (ROOT / folder / "README.md").is_file()


@pytest.mark.parametrize("folder", EXTENSION_POINTS)
def test_a_folder_where_things_are_added_says_how(folder: str) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / folder / "README.md").read_text(), re.MULTILINE)
    assert [h for h in headings if re.search(r"\b(add|adding)\b", h, re.IGNORECASE)], f"add {EXTENSION_POINTS[folder]}"


@pytest.mark.parametrize("module", MODULES)
def test_no_definition_has_a_banned_name(module: str) -> None:
    nodes = ast.walk(ast.parse(MODULES[module].read_text()))
    names = {n.name.strip("_") for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assert sorted(names & BANNED) == [], "such as broadcast, build_tree, assign, full_tensor, meta device"


LIGHT = """
import sys
from flows.cli import main
assert main(["ls", "--store", sys.argv[1]]) == 0
assert main(["show", "states", "--store", sys.argv[1]]) == 2
heavy = {"torch", "vllm", "transformers", "prefect", "pandera", "matplotlib", "botocore"} & set(sys.modules)
assert not heavy, heavy
"""


def test_ls_and_show_import_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
