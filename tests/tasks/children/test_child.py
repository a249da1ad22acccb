import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tasks import errors
from tasks.children.child import children_stopped_on_error, run_child
from tasks.errors import PivotRLError, StageFailed
from tests.tasks.children.workers import Spec

pytestmark = pytest.mark.slow

MODULE = "tests.tasks.children.workers"
ROOT = Path(__file__).parents[3]
LOG = logging.getLogger("test_child")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def run(act: str, notes: Path | str = "", timeout_s: float = 60) -> None:
    run_child(MODULE, Spec(act=act, notes=str(notes)), timeout_s=timeout_s, log=LOG)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def pids(notes: Path) -> list[int]:
    until(lambda: (notes / "pids").exists() and (notes / "pids").read_text())
    return [int(pid) for pid in (notes / "pids").read_text().split()]


def test_a_child_that_ends_well_is_no_failure() -> None:
    for _ in range(3):
        run("nothing")


def test_progress_is_shown_and_a_line_cut_short_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOG.name):
        run("progress")
    infos = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    debugs = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert infos[-1] == "rollout: 3 of 3 note 3"
    assert debugs[0] == "some library's line"
    assert any("cut short" in line for line in debugs)


@pytest.mark.parametrize(
    "kind", ["ConfigurationError", "InputError", "StageFailed", "StoreError", "NotInStore", "PivotRLError"]
)
def test_a_refusal_comes_back_as_its_kind(kind: str) -> None:
    with pytest.raises(PivotRLError) as caught:
        run(kind)
    assert type(caught.value) is vars(errors)[kind]
    assert str(caught.value) == "a text that says what"


def test_a_crash_is_told_with_the_last_lines() -> None:
    with pytest.raises(StageFailed, match=rf"{MODULE} ended with status 1. Its last lines:\n") as caught:
        run("crash")
    lines = str(caught.value).splitlines()
    assert lines[-1] == "ZeroDivisionError: a bug"
    assert "line 99" in lines
    assert "line 0" not in lines
    assert len(lines) <= 31


def test_a_fault_and_a_kill_are_told_by_their_signals() -> None:
    with pytest.raises(StageFailed, match=r"was killed by SIGSEGV. Its last lines:\nbefore the fault"):
        run("segfault")
    with pytest.raises(StageFailed, match=r"was killed by SIGKILL \(out of memory\?\)"):
        run("oom")


def test_the_child_stands_in_the_same_folder_and_imports_the_same_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("where", tmp_path)
    assert (tmp_path / "where").read_text().splitlines() == [
        str(tmp_path),
        str(ROOT / "tests/tasks/children/workers.py"),
    ]


def test_the_time_limit_ends_the_child_and_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"stopped after 5 s without progress \(engine.timeout_s\)"):
        run("hang", tmp_path, timeout_s=5)
    until(lambda: not any(alive(pid) for pid in pids(tmp_path)))
    assert not Path((tmp_path / "workspace").read_text()).exists(), "it left its temporary folder behind"


@pytest.mark.parametrize("act", ["long", "prefixed"])
def test_a_child_that_goes_on_is_not_stopped_however_long_it_takes(act: str, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.DEBUG, LOG.name):
        run(act, timeout_s=5)
    assert time.monotonic() - began > 7, "it was no longer than the limit, so this shows nothing"
    assert not [record for record in caplog.records if "alive" in record.getMessage()], "there is nothing to show"


def test_other_output_is_no_progress(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"without progress.*Its last lines:\n(still waiting\n)*still waiting$"):
        run("chatter", tmp_path, timeout_s=5)


def test_what_a_child_leaves_behind_neither_lives_on_nor_holds_the_parent_up(tmp_path: Path) -> None:
    began = time.monotonic()
    run("orphan", tmp_path)
    assert time.monotonic() - began < 30
    until(lambda: not any(alive(pid) for pid in pids(tmp_path)))


def test_children_end_when_the_flow_is_interrupted(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def stage() -> None:
        try:
            run("hang", tmp_path)
        except StageFailed as error:
            failures.append(error)

    thread = threading.Thread(target=stage)
    with contextlib.suppress(KeyboardInterrupt), children_stopped_on_error():
        thread.start()
        started = pids(tmp_path)
        raise KeyboardInterrupt
    thread.join(20)
    assert not thread.is_alive()
    assert len(failures) == 1
    until(lambda: not any(alive(pid) for pid in started))


FLOW = """
import logging, sys
from concurrent.futures import ThreadPoolExecutor
import polars  # as every flow does: its handler of SIGINT is the one that must not keep the flow waiting
from tasks.children.child import children_stopped_on_error, run_child
from tests.tasks.children.workers import Spec
spec = Spec(act="hang", notes=sys.argv[1])
with ThreadPoolExecutor() as pool, children_stopped_on_error():
    module = "tests.tasks.children.workers"
    pool.submit(run_child, module, spec, timeout_s=600, log=logging.getLogger()).result()
"""


def test_ctrl_c_does_not_wait_for_the_stage(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    flow = subprocess.Popen([sys.executable, "-c", FLOW, str(tmp_path)], cwd=ROOT, env=environment)
    started = pids(tmp_path)
    flow.send_signal(signal.SIGINT)
    until(lambda: not any(alive(pid) for pid in started))
    assert flow.wait(20) != 0


PARENT = """
import logging, sys
from tasks.children.child import run_child
from tests.tasks.children.workers import Spec
run_child("tests.tasks.children.workers", Spec(act="hang", notes=sys.argv[1]), timeout_s=600, log=logging.getLogger())
"""


def test_the_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    started = pids(tmp_path)
    assert all(alive(pid) for pid in started)
    parent.kill()
    parent.wait()
    until(lambda: not any(alive(pid) for pid in started))


def test_what_a_worker_reports_is_watched() -> None:
    seen = []
    run_child(MODULE, Spec(act="progress"), timeout_s=60, log=LOG, watch=seen.append)
    assert [(update.done, update.values) for update in seen] == [(1, {"n": 1.0}), (2, {"n": 2.0}), (3, {"n": 3.0})]


LAUNCHER = """
import subprocess, sys
line = [sys.executable, *sys.argv[1:]]
sys.exit(max(child.wait() for child in [subprocess.Popen(line, start_new_session=True) for _ in range(2)]))
"""
"""As torchrun does: each process in a session of its own."""


def test_a_launchers_processes_end_with_the_time_limit(tmp_path: Path) -> None:
    line = [sys.executable, "-c", LAUNCHER]
    with pytest.raises(StageFailed, match="was stopped after 8 s"):
        run_child(MODULE, Spec(act="hang", notes=str(tmp_path), each=True), timeout_s=8, log=LOG, launcher=line)
    started = [int(pid) for path in tmp_path.glob("pids-*") for pid in path.read_text().split()]
    assert len(started) == 4
    until(lambda: not any(alive(pid) for pid in started))


def test_of_two_refusals_the_first_is_told() -> None:
    with pytest.raises(PivotRLError, match=r"^a text that says what$"):
        run_child(MODULE, Spec(act="InputError"), timeout_s=60, log=LOG, launcher=[sys.executable, "-c", LAUNCHER])
