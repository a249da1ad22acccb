"""A stage is added as tasks/stages/README.md says: its example as files, and one line of the list of stages."""

from __future__ import annotations

import json
import re

import pytest

from schemas.stages import STAGES
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, episode, trajectory
from tests.extending import Copy
from tests.servers import ROOT

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
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The code with the README's example as a stage."""
    copy = Copy(tmp_path_factory.mktemp("code"))
    files = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(files) == 4
    for path, text in [("tasks/stages/measure/__init__.py", ""), *files]:
        copy.add(path, text)
    (line,) = re.findall(r"^    StageInfo\(.*\n", README, re.MULTILINE)
    copy.change("schemas/stages.py", NEXT, line + NEXT)
    return copy


@pytest.mark.slow
def test_the_new_stage_makes_its_artefact_and_the_command_knows_it(copy: Copy, store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(i, episode(2))] for i in range(2)])
    commit_states(store, trajectories)
    made, again = map(json.loads, copy.python("-c", MAKE, store.root).splitlines())
    assert (made["rows"], made["cached"], again["cached"]) == (4, False, True)

    at = ("--store", store.root)
    assert f"lengths@{made['version']}" in copy.python("-m", "flows.cli", "ls", "lengths", *at)
    shown = json.loads(copy.python("-m", "flows.cli", "show", "lengths", "--json", *at))
    assert [row["characters"] for row in shown["sample"]] == [0, 15, 0, 15]


@pytest.mark.slow
def test_its_task_is_one(copy: Copy) -> None:
    printed = copy.python("-c", "from tasks.stages.measure.task import measure; print(type(measure), measure.name)")
    assert printed == "<class 'prefect.tasks.Task'> measure\n"


def test_the_readme_names_every_stage_in_order() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\) \| `(\w+)` \|", README, re.MULTILINE)
    assert rows == [(stage.verb, stage.verb, stage.artefact) for stage in STAGES]


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 15
    assert [link for link in links if not (ROOT / "tasks" / "stages" / link).exists()] == []
