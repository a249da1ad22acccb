"""Kill it, start it twice: nothing half-made is ever seen, and the next run goes on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.flows.conftest import answer, command, pivotrl
from tests.servers import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.server]
DATA_STAGES = ("trajectories", "states", "rollouts", "scores", "profiles", "pivots")
KILLS = int(os.environ.get("PIVOTRL_KILLS", "3"))


def contents(store: Path) -> dict[str, list[str]]:
    """Stage to the hashes of its committed parts; every one of them is checked against the file."""
    found: dict[str, list[str]] = {}
    for path in sorted(store.glob("[!_]*/*/manifest.json")):
        manifest = json.loads(path.read_text())
        for part in manifest["parts"]:
            assert hashlib.sha256((path.parent / part["key"]).read_bytes()).hexdigest() == part["sha256"]
        found.setdefault(manifest["stage"], []).extend(f"{part['key']} {part['sha256']}" for part in manifest["parts"])
    return found


def test_killed_runs_end_as_an_undisturbed_one(server: dict[str, str], small: Path, tmp_path: Path) -> None:
    until = ("--until", "pivots", "--json")
    began = time.monotonic()
    answer(pivotrl(server, "run", str(small), "--store", str(tmp_path / "calm"), *until))
    whole = time.monotonic() - began
    disturbed = tmp_path / "disturbed"
    moments = random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(
            command("run", str(small), "--store", str(disturbed), *until),
            env=server,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(moments.uniform(0.2, 1.0) * whole)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        answer(pivotrl(server, "ls", "--store", str(disturbed), "--json"))
        contents(disturbed)
    answer(pivotrl(server, "run", str(small), "--store", str(disturbed), *until))
    assert set(contents(disturbed)) == set(DATA_STAGES)
    assert contents(disturbed) == contents(tmp_path / "calm")


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
        assert {path.name for path in folders[0].iterdir()} == {"manifest.json", "README.md"} | {
            p["key"] for p in manifest["parts"]
        }


def test_ctrl_c_is_a_sentence_and_ends_the_children(server: dict[str, str], small: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("run", str(small), "--store", str(tmp_path), "--until", "rollouts"),
        env=server,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    children: list[int] = []
    while not children and time.monotonic() < end:
        time.sleep(0.2)
        listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = [pid for pid in _descendants(process.pid) if _runs_worker(pid)] if listing.exists() else []
    assert children
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "pivotrl: stopped" in errors
    assert not any(_runs_worker(pid) for pid in children)


def _descendants(pid: int) -> list[int]:
    below = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return below + [deeper for child in below for deeper in _descendants(child)]


def _runs_worker(pid: int) -> bool:
    try:
        return b"tasks.stages.rollout.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
