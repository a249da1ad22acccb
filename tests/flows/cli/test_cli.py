import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.cli import commands
from flows.compare import VARIANTS
from schemas.stages import HOLDERS
from tasks.exchange.export import FORMATS
from tasks.stages.ingest.stage import STAGE as INGEST
from tasks.stages.select.stage import STAGE as SELECT
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory
from tests.pivots import HALF, commit_pivots, conversation

ROOT = Path(__file__).parents[3]


@pytest.fixture
def filled(store: Store) -> Store:
    trajectories = commit_trajectories(store, [[trajectory(0), trajectory(1)], [trajectory(2)]])
    commit_states(store, trajectories)
    return store


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def test_the_choices_are_those_of_the_code_behind() -> None:
    assert tuple(VARIANTS) == cli.VARIANTS
    assert tuple(FORMATS) == cli.EXPORT_FORMATS


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
    found = json.loads(out)
    assert (found["stage"], found["rows"], found["tables"]) == ("states", 6, {"states": 6})
    assert len(found["sample"]) == min(rows, 6)
    assert len(found["parts"]) == 2
    status, out, _ = run(capsys, "show", f"states@{found['version'][:6]}", "-n", str(rows), "--store", filled.root)
    assert status == 0
    assert out.startswith(f"states@{found['version']}\n") and out.count("\nrow ") == min(rows, 6)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show", "pivot"], "no stage 'pivot'; the stages are trajectories"),
        (["show", "states@nope"], "no version or tag 'nope' of states"),
        (["show", "pivots"], "no version or tag 'latest' of pivots"),
        (["run", "dekc"], "did you mean 'desk'?"),
        (["run", "desk", "--set", "select.max_mean=2"], "select.max_mean: Input should be less than or equal to 1"),
        (["ls", "--store", "s4://x"], "store 's4://x'"),
        (["ls", "--store", ""], "--store is empty"),
        (["ls", "--store", __file__], "is a file: give a folder or a URL by --store"),
        (["show", "rejects"], "rejects is a table of trajectories: `pivotrl show trajectories --table rejects`"),
        (["show", "states", "--table", "rejects"], "has no table 'rejects'; its tables are states"),
        (["run", "none"], "model: must be given"),
        (["run", "desk", "--from", "states", "--until", "trajectories"], "comes after until 'trajectories'"),
        (["run", "desk", "--from", "pivots@gone"], "no version or tag 'gone' of pivots"),
        (["run", "desk", "--set", "model=./nowhere"], "model './nowhere': no such folder"),
        (["retrain", "desk", "--set", "ingest.source=gone/*.jsonl"], "'gone/*.jsonl': no such file or folder"),
        (["compare", "desk", "--set", "ingest.source=world://dekc"], "world 'dekc': not built in"),
        (
            ["retrain", "desk", "--set", "evaluate.states=0", "--set", "evaluate.worlds=[]"],
            "the gate compares in domain",
        ),
        (["import", "gone.jsonl"], "'gone.jsonl': no such file or folder"),
        (["run", "desk", "--store", ""], "store: String should have at least 1 character"),
    ],
)
def test_a_mistake_is_status_2_and_a_sentence_on_standard_error(
    filled: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    given = arguments if "--store" in arguments else [*arguments, "--store", filled.root]
    status, out, err = run(capsys, *given)
    assert (status, out) == (2, "")
    assert err.startswith("pivotrl: ") and problem in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "pivot"],
        [],
        ["run"],
        ["show", "states", "-n", "x"],
        ["show", "states", "-n", "-3"],
        ["report", "--detail", "-1"],
        ["run", "desk", "--until", "x"],
    ],
)
def test_a_mistake_of_the_grammar_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_a_fault_of_the_store_is_status_1_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / "store"
    for arguments in (["ls"], ["show", "states"]):
        status, out, err = run(capsys, *arguments, "--store", str(root))
        assert (status, out) == (1, "")
        assert err.startswith("pivotrl: the store cannot ") and "Traceback" not in err


def test_the_other_tables_have_a_command(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("show", "trajectories", "--table", "toolsets", "-n", "1", "--store", filled.root)
    status, out, _ = run(capsys, *asked, "--json")
    assert status == 0 and len(json.loads(out)["sample"]) == 1
    assert "toolsets-" in json.loads(out)["parts"][0]


@pytest.mark.slow
def test_what_can_be_told_at_once_is_told_before_prefect_is_imported(tmp_path: Path) -> None:
    code = "import sys; from flows.cli import main; print(main(sys.argv[1:]), 'prefect' in sys.modules)"
    arguments = ["run", "desk", "--store", str(tmp_path), "--set", "ingest.source=gone.jsonl"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"], done.stderr
    assert "Starting Prefect" not in done.stderr


@pytest.mark.slow
def test_a_run_says_that_prefect_starts_and_its_own_server_registers_nothing() -> None:
    code = """
from flows.cli import commands
commands._prefect_starts()
from prefect.settings import get_current_settings
print(get_current_settings().server.register_blocks_on_start)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.stdout, len(done.stderr.splitlines())) == ("False\n", 1)
    assert done.stderr.startswith("Starting Prefect with a server for this run")


def test_modules_of_the_working_folder_are_found_and_hide_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def verify(state, demonstration, action): return 1\n")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("raise SystemExit('hidden')")
    (tmp_path / "v.yaml").write_text("{kind: python, function: 'mine:verify'}")
    (tmp_path / "cases.jsonl").write_text('{"expected": {"type": "message", "content": "a"}, "actual": "b"}')
    # As an installed command begins: with the folder of the script, and not the one it runs in, on the path.
    script = tmp_path / "bin" / "pivotrl"
    script.parent.mkdir()
    script.write_text(f"import sys\nsys.path[1:1] = [{str(ROOT)!r}]\nfrom flows.cli import main\nsys.exit(main())")
    line = [sys.executable, str(script), "verify", "v.yaml", "--cases", "cases.jsonl", "--json"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert json.loads(done.stdout)["reward"] == 1, done.stderr


def test_the_example_of_a_case_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    said = capsys.readouterr().out
    example = said[said.index('{"expected"') : said.index("Actions are written")]
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(json.loads(example)))
    status, out, _ = run(capsys, "verify", "tool_call", "--cases", str(path), "--json")
    assert status == 0 and json.loads(out)["reason"] == "wrong_kind"
    assert "one JSON object a line" in " ".join(said.split())


def test_ctrl_c_is_status_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "ls", interrupted)
    status, _, err = run(capsys, "ls")
    assert status == 130
    assert "the same command goes on from there" in err


@pytest.fixture
def selected(store: Store) -> Store:
    """Two sets of pivots."""
    parts = [[trajectory(0, conversation(0)), trajectory(1, conversation(1))]]
    store.tag(commit_pivots(store, parts, {(0, 1): HALF}).ref, "small")
    commit_pivots(store, parts, {(0, 1): HALF, (1, 2): HALF})
    return store


def test_pivots_are_tagged_compared_exported_imported_and_browsed(
    selected: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def asked(*arguments: str) -> dict[str, Any]:
        status, out, err = run(capsys, *arguments, "--store", selected.root, "--json")
        assert (status, err) == (0, "")
        found: dict[str, Any] = json.loads(out)
        return found

    assert asked("tag", "pivots", "good")["version"] == selected.resolve("pivots@good").version
    assert asked("diff", "pivots@small", "pivots@good")["rows"]["gained_examples"] == [[f"{1:016x}", 2]]
    rows, page = tmp_path / "rows.jsonl", tmp_path / "page.html"
    assert asked("export", "pivots@good", "--format", "nemo-gym", "--output", str(rows))["rows"] == 2
    assert asked("report", "pivots@good", "--output", str(page), "--detail", "1")["detailed"] == 1
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    other = str(tmp_path / "other")
    status, out, _ = run(capsys, "import", str(rows), "--store", other, "--json")
    assert status == 0
    assert [made["stage"] for made in json.loads(out)["stages"]] == ["trajectories", "states", "profiles"]
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


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *arguments]


def test_a_reader_that_goes_away_is_no_fault(filled: Store) -> None:
    process = subprocess.Popen(
        command("show", "states", "--json", "--store", filled.root),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "limit_s"),
    [(("--help",), 0.5), (("ls",), 1.0), (("show", "states"), 1.0), (("tag", "states", "good"), 1.0)],
)
def test_it_starts_at_once(filled: Store, arguments: tuple[str, ...], limit_s: float) -> None:
    given = command(*arguments) if arguments == ("--help",) else command(*arguments, "--store", filled.root)
    best = 1e9
    for _ in range(3):
        before = os.times()
        subprocess.run(given, cwd=ROOT, check=True, capture_output=True)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, used)
        time.sleep(0.01)
    assert best < limit_s, "seconds of processor time, so that a busy machine does not count"
