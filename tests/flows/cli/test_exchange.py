import json
from pathlib import Path
from typing import Any

import pytest

from tasks.store.store import Store
from tests.flows.cli.conftest import run


def test_pivots_are_tagged_compared_exported_imported_and_browsed(
    selected: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def asked(*arguments: str) -> dict[str, Any]:
        status, out, err = run(capsys, *arguments, "--store", selected.root, "--json")
        assert (status, err) == (0, "")
        result: dict[str, Any] = json.loads(out)
        return result

    assert asked("tag", "pivots", "good")["version"] == selected.resolve("pivots@good").version
    assert asked("diff", "pivots@small", "pivots@good")["rows"]["gained_examples"] == [[f"{1:016x}", 2]]
    rows, page = tmp_path / "rows.jsonl", tmp_path / "page.html"
    assert asked("export", "pivots@good", "--format", "nemo-gym", "--output", str(rows))["rows"] == 2
    assert asked("report", "pivots@good", "--output", str(page), "--detail", "1")["detailed"] == 1
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    other = str(tmp_path / "other")
    status, out, _ = run(capsys, "import", str(rows), "--store", other, "--json")
    assert status == 0
    assert [artefact["stage"] for artefact in json.loads(out)["stages"]] == ["trajectories", "states", "profiles"]
    status, out, _ = run(capsys, "diff", "pivots@small", "pivots", "--store", selected.root)
    assert status == 0 and "1 in both, 1 gained, 0 lost" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["tag", "pivots@small", "latest"], "moved by every run"),
        (["diff", "pivots@small", "states"], "different stages"),
        (["diff", "pivots@small", "pivots@nope"], "no version or tag 'nope' of pivots"),
        (["export", "states", "--format", "trl", "--output", "x.jsonl"], "is no set of pivots"),
        (["export", "pivots", "--format", "trl", "--output", "x.csv"], "end the name in .jsonl or .parquet"),
        (["report", "pivot"], "no stage 'pivot'"),
        (["report", "--output", "gone/x.html"], "--output gone/x.html: there is no folder gone"),
        (["export", "pivots", "--format", "trl", "--output", "gone/x.jsonl"], "there is no folder gone"),
        (["export", "pivots", "--format", "trl", "--output", "."], "--output . is a folder"),
    ],
)
def test_a_mistake_in_reuse_is_status_2(
    selected: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    status, out, err = run(capsys, *arguments, "--store", selected.root)
    assert (status, out) == (2, "")
    assert err.startswith("pivotrl: ") and problem in err
