"""`pivotrl up` as a person runs it: start, refuse a second one, stop with a run under way, start again on the same
folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.server.deploying import CRASH_AUTOMATION
from flows.server.up import HOST, _bypass_proxies
from tests.flows.conftest import SMALL
from tests.servers import ROOT, Up, command_line, descendants, eventually, free_port, pivotrl_up

pytestmark = [pytest.mark.engine, pytest.mark.server, pytest.mark.timeout(1200)]
SECRET = "a-secret-that-nothing-prints"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[Up]:
    with pivotrl_up(home, AWS_SECRET_ACCESS_KEY=SECRET) as up:
        yield up


def test_it_says_where_the_ui_is(up: Up) -> None:
    assert f"{up.url}/deployments" in up.output()
    assert f"artefacts go to the store {up.home / 'store'} unless" in up.output()
    assert "<html" in httpx.get(f"{up.url}/deployments").text
    assert httpx.get(f"{up.url}/ui-settings").json()["api_url"] == f"{up.url}/api"


def test_everything_is_deployed(up: Up) -> None:
    assert up.api("/work_pools/pivotrl")["type"] == "process"
    assert up.api("/v2/concurrency_limits/gpu")["limit"] == 1
    assert {deployment["name"] for deployment in up.api("/deployments/filter", {})} == {"pivotrl", "retrain", "compare"}
    retrain = up.deployment("retrain")
    assert [(schedule["slug"], schedule["active"]) for schedule in retrain["schedules"]] == [("weekly", False)]
    assert retrain["global_concurrency_limit"]["limit"] == 1
    assert retrain["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    (automation,) = (each for each in up.api("/automations/filter", {}) if each["name"] == CRASH_AUTOMATION)
    assert automation["enabled"] and 60 <= automation["trigger"]["within"] <= 90


def refused(home: Path, port: str) -> str:
    line = [sys.executable, "-m", "flows.cli", "up", "--port", port]
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "") and "Traceback" not in done.stderr
    return done.stderr


def test_a_second_one_is_refused_with_what_to_do(up: Up, tmp_path: Path) -> None:
    port = up.url.rpartition(":")[2]
    for taken in (port, "1"):
        assert f"runs already, at {up.url} as process {up.process.pid}" in refused(up.home, taken)
    assert f"--port {port} cannot be used: " in refused(tmp_path, port)
    for no_port in ("70000", "0"):
        assert f"--port {no_port} cannot be used: " in refused(tmp_path, no_port)


def test_a_home_or_store_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert "give another folder by PREFECT_HOME" in refused(tmp_path / "file", str(free_port()))
    monkeypatch.setenv("PIVOTRL_STORE", str(tmp_path / "file" / "store"))
    assert "give another PIVOTRL_STORE" in refused(tmp_path, str(free_port()))


@pytest.mark.parametrize(("hosts", "completed"), [("", HOST), ("intranet", f"intranet,{HOST}"), ("*", "*")])
def test_a_proxy_is_not_asked_for_the_server(hosts: str, completed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", hosts)
    monkeypatch.setenv("no_proxy", hosts)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    _bypass_proxies()
    assert os.environ["NO_PROXY"] == completed
    assert urllib.request.proxy_bypass(HOST)


def test_credentials_are_nowhere(up: Up) -> None:
    folder = up.home / "pivotrl"
    printed = [path.read_text(errors="replace") for path in folder.glob("*.log")]
    assert len(printed) == 4
    assert not any(SECRET in text for text in (up.output(), *printed))
    assert SECRET.encode() not in (folder / "prefect.db").read_bytes() + (folder / "prefect.db-wal").read_bytes()


def test_ctrl_c_stops_it_all_and_a_second_start_goes_on(up: Up, home: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {**SMALL, "store": str(tmp_path / "store")}
    run = up.submit("pivotrl", preset="none", config=settings, until="rollouts")
    eventually(lambda: "tasks.stages.rollout.worker" in " ".join(descendants(up.process.pid).values()), 300)
    schedules = f"/deployments/{up.deployment('retrain')['id']}/schedules"
    up.api(f"{schedules}/{up.api(schedules)[0]['id']}", {"active": True}, "PATCH")
    up.api(schedules, [{"active": False, "schedule": {"cron": "5 5 * * *"}}])
    up.api("/v2/concurrency_limits/gpu", {"limit": 2}, "PATCH")

    below = descendants(up.process.pid)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert up.output().endswith("Stopping the worker\nStopping the server\nStopped.\n")
    assert len(below) >= 4 and not any(map(command_line, below))

    with pivotrl_up(home) as again:
        assert again.state(run) == "Crashed"
        assert again.api("/v2/concurrency_limits/gpu")["limit"] == 2
        kept = {(schedule["slug"], schedule["active"]) for schedule in again.deployment("retrain")["schedules"]}
        assert kept == {("weekly", True), (None, False)}
        again.set_state(run, "SCHEDULED", "AwaitingRetry")
        assert again.ended(run) == "Completed"
        assert again.stages(run) == {**dict.fromkeys(("ingest", "split", "check"), "Cached"), "rollout": "Completed"}

        server = next(pid for pid, line in descendants(again.process.pid).items() if "server start" in line)
        os.kill(server, signal.SIGKILL)
        assert again.process.wait(60) == 1
        assert "pivotrl: Prefect's server ended with status -9" in again.output()
        assert not descendants(again.process.pid)
