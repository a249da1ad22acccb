"""The one list of the stages says what their code says."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
from prefect import Task

from schemas.stages import ARTEFACTS, HOLDERS, MADE_BY_RUN, SKIPPED_BY_SFT, STAGES, StageInfo
from tasks.artefact.stage import Stage
from tests.servers import ROOT

VERBS = [stage.verb for stage in STAGES]


def declared(stage: StageInfo) -> Stage:
    """The `STAGE` of the stage's own code."""
    constant = import_module(f"tasks.stages.{stage.verb}.stage").STAGE
    assert isinstance(constant, Stage)
    return constant


def test_every_verb_has_its_folder_and_every_folder_its_verb() -> None:
    folders = {path.parent.name for path in (ROOT / "tasks" / "stages").glob("*/__init__.py")}
    assert folders == set(VERBS)


@pytest.mark.parametrize("stage", STAGES, ids=VERBS)
def test_a_stage_declares_the_artefact_and_the_tables_of_the_list(stage: StageInfo) -> None:
    assert declared(stage).artefact == stage.artefact
    assert tuple(declared(stage).tables) == (stage.artefact, *stage.side_tables), "its own table first"


@pytest.mark.parametrize("verb", [stage.verb for stage in STAGES if stage.artefact in MADE_BY_RUN])
def test_a_stage_has_a_task_of_its_verb(verb: str) -> None:
    task = getattr(import_module(f"tasks.stages.{verb}.task"), verb)
    assert isinstance(task, Task) and task.name == verb, "by which a run knows the artefact that it makes"


def test_the_lists_are_in_the_order_of_a_run() -> None:
    assert ARTEFACTS[:-1] == MADE_BY_RUN and ARTEFACTS[-1] == "decisions"
    assert [name for name in MADE_BY_RUN if name not in SKIPPED_BY_SFT] == [
        *("trajectories", "states", "checks", "policies", "evaluations")
    ]
    assert HOLDERS == {"toolsets": "trajectories", "rejects": "trajectories", "unselected": "pivots"}
    assert len({*ARTEFACTS, *HOLDERS, *VERBS}) == len(ARTEFACTS) + len(HOLDERS) + len(VERBS), "no name says two things"


RUNS_OF_THREE = {names[i : i + 3] for names in (ARTEFACTS, tuple(VERBS)) for i in range(len(names) - 2)}


def copies(path: Path) -> list[list[object]]:
    """The sequences of constants in which three names stand in the order of the list."""
    literals = [
        [element.value for element in node.elts if isinstance(element, ast.Constant)]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
    ]
    return [names for names in literals if RUNS_OF_THREE & {tuple(names[i : i + 3]) for i in range(len(names) - 2)}]


def test_no_other_module_lists_the_stages(tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_text('S = ("ingest", "split", "check")\nT = ["pivots", "states", "scores"]\n')
    assert copies(tmp_path / "copy.py") == [["ingest", "split", "check"]]
    modules = [path for room in ("flows", "tasks", "schemas") for path in (ROOT / room).rglob("*.py")]
    assert [f"{path.relative_to(ROOT)}: {names}" for path in modules for names in copies(path)] == []
