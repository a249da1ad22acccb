"""Kill it, start it twice: nothing half-made is ever seen, and the next run goes on.

PIVOTRL_KILLS is how many runs are killed, each at the next moment of `MOMENTS`; PIVOTRL_KILLS_SEED draws the fractions
of a second between a moment and its kill.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.stages import MADE_BY_RUN
from tests.flows.conftest import answer, command, pivotrl
from tests.servers import ROOT, command_line, descendants, eventually, prefect_server

pytestmark = [pytest.mark.engine, pytest.mark.server]
DATA_STAGES = MADE_BY_RUN[: MADE_BY_RUN.index("pivots") + 1]
MOMENTS = ("trajectories@", "states@", "checks@", "'rollout-", "rollouts@", "scores@", "profiles@")
"""What a run logs on its way to pivots, in order; 'rollout- is when the first part is sampled."""
KILLS = int(os.environ.get("PIVOTRL_KILLS", "3"))
SEED = int(os.environ.get("PIVOTRL_KILLS_SEED", "0"))


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a server of one's own. Another test may have deployed to the one that all share, and with its
    limit of one accelerator the slot of a killed run comes free after ten minutes."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as environment:
        yield environment


def contents(store: Path) -> dict[str, list[str]]:
    """Stage to the hashes of its committed parts; every one of them is checked against the file."""
    parts: dict[str, list[str]] = {}
    for path in sorted(store.glob("[!_]*/*/manifest.json")):
        manifest = json.loads(path.read_text())
        for part in manifest["parts"]:
            assert hashlib.sha256((path.parent / part["key"]).read_bytes()).hexdigest() == part["sha256"]
        parts.setdefault(manifest["stage"], []).extend(f"{part['key']} {part['sha256']}" for part in manifest["parts"])
    return parts


def kill_when_logged(line: list[str], environment: dict[str, str], log: Path, moment: str, after_s: float) -> int:
    """Run a command and kill it with SIGKILL so long after it has logged the moment; its exit status."""
    with log.open("w") as errors:
        process = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
    end = time.monotonic() + 300
    while moment not in log.read_text() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(after_s)
    process.kill()
    return process.wait()


def test_killed_runs_end_as_an_undisturbed_one(unlimited: dict[str, str], small: Path, tmp_path: Path) -> None:
    until = ("--until", "pivots", "--json")
    answer(pivotrl(unlimited, "run", str(small), "--store", str(tmp_path / "calm"), *until))
    disturbed = tmp_path / "disturbed"
    line = command("run", str(small), "--store", str(disturbed), *until)
    pauses = random.Random(SEED)
    killed = f"PIVOTRL_KILLS={KILLS} PIVOTRL_KILLS_SEED={SEED}: killed"
    for number in range(KILLS):
        moment, after_s = MOMENTS[number * len(MOMENTS) // KILLS], pauses.uniform(0, 0.2)
        killed += f", {after_s:.3f} s after {moment}"
        log = tmp_path / f"{number}.log"
        status = kill_when_logged(line, unlimited, log, moment, after_s)
        assert status == -signal.SIGKILL and moment in log.read_text(), f"{killed}: {log.read_text()[-2000:]}"
        answer(pivotrl(unlimited, "ls", "--store", str(disturbed), "--json"))
        assert contents(disturbed).keys() <= set(DATA_STAGES), killed
    answer(pivotrl(unlimited, "run", str(small), "--store", str(disturbed), *until))
    assert set(contents(disturbed)) == set(DATA_STAGES), killed
    assert contents(disturbed) == contents(tmp_path / "calm"), killed


def test_two_runs_at_once_make_each_artefact_once(server: dict[str, str], small: Path, tmp_path: Path) -> None:
    line = command("run", str(small), "--store", str(tmp_path), "--until", "pivots", "--json")
    pair = [
        subprocess.Popen(line, env=server, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    results = [process.communicate(timeout=600) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], [error[-2000:] for _, error in results]
    versions = [[row["version"] for row in json.loads(output)["stages"]] for output, _ in results]
    assert versions[0] == versions[1]
    for stage in DATA_STAGES:
        folders = list((tmp_path / stage).iterdir())
        assert len(folders) == 1
        manifest = json.loads((folders[0] / "manifest.json").read_text())
        files = {"manifest.json", "README.md", *(part["key"] for part in manifest["parts"])}
        assert {path.name for path in folders[0].iterdir()} == files


def test_ctrl_c_is_a_sentence_and_ends_the_children(server: dict[str, str], small: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("run", str(small), "--store", str(tmp_path), "--until", "rollouts"),
        env=server,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    children = eventually(lambda: workers(process.pid), 120)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "pivotrl: stopped" in errors
    assert not any(map(command_line, children))


def workers(pid: int) -> list[int]:
    return [child for child, line in descendants(pid).items() if "tasks.stages.rollout.worker" in line]
