"""Whoever is free takes the next item; a fault of one ends all and is told; all end with the one that started them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from tasks.children.child import run_child
from tasks.children.pool import accelerators, run_pool
from tasks.errors import ConfigurationError, InputError, StageFailed
from tests.tasks.children.pool_workers import Spec, prepare

pytestmark = pytest.mark.slow

MODULE = "tests.tasks.children.pool_workers"
ROOT = Path(__file__).parents[3]
LOG = logging.getLogger("test_processes")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def pooled(notes: Path, act: str, items: int, processes: int) -> list[tuple[int, int, str | None]]:
    results: list[tuple[int, int, str | None]] = []
    run_pool(range(items), partial(prepare, notes, act), processes, results.append)
    return results


def ready(notes: Path) -> list[int]:
    """The processes that were started and got ready."""
    return [int(path.read_text()) for path in notes.glob("ready-*")]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until_ended(pids: list[int]) -> None:
    end = time.monotonic() + 20
    while any(map(alive, pids)):
        assert time.monotonic() < end, "a process lives on"
        time.sleep(0.02)


def test_processes_work_at_the_same_time_and_every_item_is_done_once(tmp_path: Path) -> None:
    results = pooled(tmp_path, "together", items=5, processes=2)
    assert sorted(item for item, _, _ in results) == [0, 1, 2, 3, 4]
    assert {pid for _, pid, _ in results} == set(ready(tmp_path)) and len(ready(tmp_path)) == 2
    assert os.getpid() not in ready(tmp_path)
    until_ended(ready(tmp_path))


def test_who_is_free_takes_what_is_left(tmp_path: Path) -> None:
    results = pooled(tmp_path, "one is slow", items=5, processes=2)
    by_item = {item: pid for item, pid, _ in results}
    assert len({by_item[item] for item in (1, 2, 3, 4)}) == 1 and by_item[0] != by_item[1]


def test_no_more_processes_than_items(tmp_path: Path) -> None:
    assert len(pooled(tmp_path, "together", items=2, processes=3)) == 2
    assert len(ready(tmp_path)) == 2
    assert pooled(tmp_path, "one is slow", items=0, processes=3) == []


@pytest.mark.parametrize(("items", "processes"), [(3, 1), (1, 3)])
def test_one_process_is_this_one(tmp_path: Path, items: int, processes: int) -> None:
    for item in range(5):
        (tmp_path / f"began-{item}").touch()
    assert {pid for _, pid, _ in pooled(tmp_path, "one is slow", items, processes)} == {os.getpid()}


def test_each_process_sees_an_accelerator_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-3f,7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    seen = {item: device for item, _, device in pooled(tmp_path, "together", items=2, processes=2)}
    assert seen == {0: "5", 1: "GPU-3f"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,GPU-3f,7"
    with pytest.raises(ConfigurationError, match="4 processes need an accelerator each, and 3 can be seen"):
        pooled(tmp_path, "together", items=2, processes=4)


def test_without_a_choice_accelerators_go_by_number_and_a_cpu_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert accelerators(3) == ["0", "1", "2"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert accelerators(3) == []


def test_a_process_may_have_several_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5, 6,7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert accelerators(2, each=2) == ["4,5", "6,7"]
    with pytest.raises(ConfigurationError, match=r"3 processes need 2 accelerators each, and 4 .*: ask for 2, or let"):
        accelerators(3, each=2)
    with pytest.raises(ConfigurationError, match="2 processes need 8 accelerators each, and 4 can be seen here: let"):
        accelerators(2, each=8)


@pytest.mark.parametrize(
    ("act", "kind", "text"),
    [
        ("refuse", InputError, r"^a text that says what$"),
        ("refuse to start", InputError, r"^vLLM cannot serve this$"),
        ("crash", StageFailed, r"^sampling process \d of 2 crashed:\nTraceback [^$]*ZeroDivisionError: a bug$"),
        ("out of memory", StageFailed, r"^sampling process 2 of 2 was killed by SIGKILL \(out of memory\?\); "),
        ("leave", StageFailed, r"^sampling process 2 of 2 ended with status 3; what was finished is kept$"),
    ],
)
def test_a_fault_of_one_is_told_and_ends_the_others(tmp_path: Path, act: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        pooled(tmp_path, act, items=3, processes=2)
    assert not any(map(alive, ready(tmp_path)))
    assert not (tmp_path / "began-2").exists()


def test_a_fault_comes_to_the_stage_as_its_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^a text that says what$"):
        run_child(MODULE, Spec(act="refuse", notes=str(tmp_path)), timeout_s=300, log=LOG)
    until_ended(ready(tmp_path))


def test_parts_done_are_counted_over_all_processes(tmp_path: Path) -> None:
    seen = []
    spec = Spec(act="together", notes=str(tmp_path), items=5)
    run_child(MODULE, spec, timeout_s=300, log=LOG, watch=seen.append)
    assert [(update.what, update.done, update.total) for update in seen] == [("rollout", n, 5) for n in range(1, 6)]
    assert len(ready(tmp_path)) == 2
    until_ended(ready(tmp_path))


PARENT = """
import logging, sys
from tasks.children.child import run_child
from tests.tasks.children.pool_workers import Spec
spec = Spec(act="hang", notes=sys.argv[1])
run_child("tests.tasks.children.pool_workers", spec, timeout_s=600, log=logging.getLogger())
"""


def hanging(notes: Path) -> subprocess.Popen[bytes]:
    """A parent whose child has given items to two processes, which never finish them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(notes)], cwd=ROOT, env=environment)
    end = time.monotonic() + 120
    while not all((notes / f"began-{item}").exists() for item in (0, 1)):
        assert time.monotonic() < end and parent.poll() is None
        time.sleep(0.02)
    return parent


def parent_of(pid: int) -> int:
    """The process that started this one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize("killed", ["the parent", "the process that started them"])
def test_all_end_when_one_above_them_is_killed(tmp_path: Path, killed: str) -> None:
    parent = hanging(tmp_path)
    (middle,) = {parent_of(pid) for pid in ready(tmp_path)}
    if killed == "the parent":
        parent.kill()
    else:
        os.kill(middle, 9)
    until_ended([middle, *ready(tmp_path)])
    assert parent.wait(20) != 0


def test_all_end_when_the_run_is_interrupted(tmp_path: Path) -> None:
    parent = hanging(tmp_path)
    (middle,) = {parent_of(pid) for pid in ready(tmp_path)}
    parent.send_signal(2)
    until_ended([middle, *ready(tmp_path)])
    assert parent.wait(20) != 0
