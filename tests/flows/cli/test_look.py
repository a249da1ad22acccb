import json

import pytest

from schemas.stages import HOLDERS
from tasks.stages.ingest.stage import STAGE as INGEST
from tasks.stages.select.stage import STAGE as SELECT
from tasks.store.store import Store
from tests.flows.cli.conftest import run


def test_the_tables_beside_the_artefacts_are_the_ones_of_the_stages() -> None:
    beside = {table: stage.artefact for stage in (INGEST, SELECT) for table in stage.tables if table != stage.artefact}
    assert beside == HOLDERS


def test_ls_lists_and_gives_json_on_standard_output_only(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "ls", "--store", filled.root, "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)["artefacts"]
    assert [(row["stage"], row["rows"], row["tags"]) for row in rows] == [
        ("trajectories", 3, ["latest"]),
        ("states", 6, ["latest"]),
    ]
    status, out, _ = run(capsys, "ls", "states", "--store", filled.root)
    assert status == 0
    assert len(out.splitlines()) == 2 and f"states@{rows[1]['version']}" in out


def test_ls_of_an_empty_store_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "ls", "--store", store.root) == (0, "no artefacts; `pivotrl run desk` makes the first\n", "")
    assert json.loads(run(capsys, "ls", "--store", store.root, "--json")[1]) == {"artefacts": []}


@pytest.mark.parametrize("rows", [0, 2, 5, 100])
def test_show_gives_numbers_and_rows(filled: Store, capsys: pytest.CaptureFixture[str], rows: int) -> None:
    status, out, err = run(capsys, "show", "states", "-n", str(rows), "--store", filled.root, "--json")
    assert (status, err) == (0, "")
    artefact = json.loads(out)
    assert (artefact["stage"], artefact["rows"], artefact["tables"]) == ("states", 6, {"states": 6})
    assert len(artefact["sample"]) == min(rows, 6)
    assert len(artefact["parts"]) == 2
    status, out, _ = run(capsys, "show", f"states@{artefact['version'][:6]}", "-n", str(rows), "--store", filled.root)
    assert status == 0
    assert out.startswith(f"states@{artefact['version']}\n") and out.count("\nrow ") == min(rows, 6)


def test_the_other_tables_have_a_command(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("show", "trajectories", "--table", "toolsets", "-n", "1", "--store", filled.root)
    status, out, _ = run(capsys, *asked, "--json")
    assert status == 0 and len(json.loads(out)["sample"]) == 1
    assert "toolsets-" in json.loads(out)["parts"][0]
