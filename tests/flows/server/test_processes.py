import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.server import processes
from flows.server.processes import heartbeat, running, server_logging
from tasks.errors import ConfigurationError, PivotRLError
from tests.servers import command_line

# Told to end, it starts another, in its own group, and writes down which.
HYDRA = """
import os, signal, subprocess, sys, time
def again(*_):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(sys.argv[1] + ".new", "w") as output:
        output.write(str(child.pid))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    os._exit(0)
signal.signal(signal.SIGTERM, again)
print("ready", flush=True)
time.sleep(600)
"""
LEADER = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {HYDRA!r}, sys.argv[1]])
time.sleep(600)
"""


@pytest.mark.slow
def test_what_is_started_while_it_stops_is_told_to_stop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signalled = []
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda pid, number: (signalled.append(pid), kill(pid, number)))
    line = [sys.executable, "-c", LEADER, str(tmp_path / "pid")]
    leader = subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"ready\n"
    processes._stop(leader)
    late = int((tmp_path / "pid").read_text())
    assert late in signalled
    assert not command_line(late)


def test_a_service_that_ended_is_named_with_its_last_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ending.py").write_text("import sys\nprint('no room left', sys.argv[1:], flush=True)\nsys.exit(3)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with running("worker", ["start"], environment, tmp_path, "ending") as service:
        service.process.wait(60)
        with pytest.raises(PivotRLError, match="Prefect's worker ended with status 3") as caught:
            service.check()
    assert "no room left ['--no-prompt', 'start']" in str(caught.value)
    assert f"(all of it: {tmp_path / 'worker.log'})" in str(caught.value)
    assert capsys.readouterr().out == "Stopping the worker\n"


def test_a_service_runs_in_a_session_of_its_own_until_the_block_ends(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text("import time\ntime.sleep(600)")
    with running("worker", [], {**os.environ, "PYTHONPATH": str(tmp_path)}, tmp_path, "waiting") as service:
        service.check()
        assert os.getsid(service.process.pid) == service.process.pid
    assert service.process.returncode is not None and not command_line(service.process.pid)


@pytest.mark.slow
def test_retried_attempts_are_logged_to_a_file_of_their_own(tmp_path: Path) -> None:
    (path,) = server_logging(tmp_path).values()
    code = """
import logging, os
from prefect.logging.configuration import setup_logging
setup_logging()
logging.getLogger("docket.dependencies").error("tried in vain")
logging.getLogger("docket.dependencies").warning("below an error")
"""
    environment = {**os.environ, "PREFECT_LOGGING_SETTINGS_PATH": path, "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "tried in vain" not in done.stdout + done.stderr, done.stderr
    text = (tmp_path / "retried.log").read_text()
    assert "tried in vain" in text and "below an error" not in text
    assert yaml.safe_load(Path(path).read_text())["handlers"]["retried"]["backupCount"] == 1


def test_the_heartbeat_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", raising=False)
    assert heartbeat() == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "45")
    assert heartbeat() == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "45"}


@pytest.mark.parametrize("seconds", ["soon", "30.5", "29", "-30"])
def test_one_that_prefect_does_not_take_is_a_mistake(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", seconds)
    with pytest.raises(ConfigurationError, match=f"{seconds}: give whole seconds"):
        heartbeat()
