import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server import processes
from flows.server.processes import heartbeat
from tasks.errors import ConfigurationError
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
    told = []
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda pid, number: (told.append(pid), kill(pid, number)))
    line = [sys.executable, "-c", LEADER, str(tmp_path / "pid")]
    leader = subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"ready\n"
    processes._stop(leader)
    late = int((tmp_path / "pid").read_text())
    assert late in told
    assert not command_line(late)


def test_the_heartbeat_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", raising=False)
    assert heartbeat() == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "45")
    assert heartbeat() == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "45"}


@pytest.mark.parametrize("given", ["soon", "30.5", "29", "-30"])
def test_one_that_prefect_does_not_take_is_a_mistake(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", given)
    with pytest.raises(ConfigurationError, match=f"{given}: give whole seconds"):
        heartbeat()
