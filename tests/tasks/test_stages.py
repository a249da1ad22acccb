"""A stage is added as tasks/stages/README.md says: its example as files, and one line of the list of stages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.stages import STAGES
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, episode, trajectory

ROOT = Path(__file__).parents[2]
README = (ROOT / "tasks" / "stages" / "README.md").read_text()
NEXT = '    StageInfo("evaluations", '
"""What the new line is put before."""
MAKE = """
import sys
from schemas.section import Section
from tasks.artefact.stage import obtain
from tasks.stages.measure.stage import STAGE, inputs, write_lengths
from tasks.store.store import Store
store = Store(sys.argv[1])
states = store.resolve("states@latest")
for _ in range(2):
    made = obtain(STAGE, Section(), inputs(states), store, lambda writer: write_lengths(writer, store, states))
    print(made.model_dump_json())
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the README's example as a stage."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("flows", "tasks", "schemas", "infra"):
        ignored = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.png")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    files = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(files) == 4
    for path, text in files:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    (folder / "tasks" / "stages" / "measure" / "__init__.py").touch()
    (line,) = re.findall(r"^    StageInfo\(.*\n", README, re.MULTILINE)
    stages = folder / "schemas" / "stages.py"
    assert NEXT in stages.read_text()
    stages.write_text(stages.read_text().replace(NEXT, line + NEXT))
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_new_stage_makes_its_artefact_and_the_command_knows_it(copy: Path, store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(i, episode(2))] for i in range(2)])
    commit_states(store, trajectories)
    made, again = map(json.loads, run(copy, "-c", MAKE, store.root).splitlines())
    assert (made["rows"], made["cached"], again["cached"]) == (4, False, True)

    at = ("--store", store.root)
    assert f"lengths@{made['version']}" in run(copy, "-m", "flows.cli", "ls", "lengths", *at)
    shown = json.loads(run(copy, "-m", "flows.cli", "show", "lengths", "--json", *at))
    assert [row["characters"] for row in shown["sample"]] == [0, 15, 0, 15]


def test_its_task_is_one(copy: Path) -> None:
    printed = run(copy, "-c", "from tasks.stages.measure.task import measure; print(type(measure), measure.name)")
    assert printed == "<class 'prefect.tasks.Task'> measure\n"


def test_the_readme_names_every_stage_in_order() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\) \| `(\w+)` \|", README, re.MULTILINE)
    assert rows == [(stage.verb, stage.verb, stage.artefact) for stage in STAGES]


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 15
    assert [link for link in links if not (ROOT / "tasks" / "stages" / link).exists()] == []
