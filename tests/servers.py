"""Real servers for tests, on loopback: Prefect's, `pivotrl up`, and Ceph's S3."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Return when the URL answers, whatever it answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"the server of {url} ended with status {process.returncode}"
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process and its children, ended with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT
        )
        try:
            yield process
        finally:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sign)
                    process.wait(10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """Prefect's server with an empty database; the environment in which commands use it."""
    port = free_port()
    environment = {**os.environ, **QUIET, "PREFECT_HOME": str(folder)}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "flows.server.prefect_server", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with running(command, environment, folder / "server.log") as process:
        wait_for(f"http://127.0.0.1:{port}/api/health", process, 120)
        yield {**environment, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}


def eventually(found: Callable[[], T | None], seconds: float) -> T:
    """What `found` gives, once it gives something."""
    end = time.monotonic() + seconds
    while not (given := found()):
        assert time.monotonic() < end, f"nothing within {seconds} s: {found}"
        time.sleep(0.25)
    return given


@dataclass
class Up:
    """A `pivotrl up` that runs, and its server as a person uses it."""

    url: str
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def output(self) -> str:
        return (self.home / "up.log").read_text()

    def api(self, path: str, body: Any = None, method: str = "") -> Any:
        def answered() -> httpx.Response | None:
            # Prefect waits a minute for SQLite's lock, and then answers 503, or 500 if it got no connection at all.
            answer = httpx.request(method, f"{self.url}/api{path}", json=body, timeout=240)
            return None if answer.status_code >= 500 else answer

        method = method or ("GET" if body is None else "POST")
        answer = eventually(answered, 300).raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, flow: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api(f"/deployments/name/{flow}/{flow}")
        return found

    def submit(self, flow: str, **parameters: Any) -> str:
        """A run of the deployment; its id."""
        path = f"/deployments/{self.deployment(flow)['id']}/create_flow_run"
        return str(self.api(path, {"parameters": parameters, "state": {"type": "SCHEDULED"}})["id"])

    def set_state(self, run: str, type_: str, name: str) -> None:
        answer = self.api(f"/flow_runs/{run}/set_state", {"state": {"type": type_, "name": name}})
        assert answer["status"] == "ACCEPT", answer

    def state(self, run: str) -> str:
        return str(self.api(f"/flow_runs/{run}")["state_name"])

    def ended(self, run: str, seconds: float = 300) -> str:
        """The name of the state in which a run ended, once it has."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        eventually(lambda: self.api(f"/flow_runs/{run}")["state_type"] in final, seconds)
        return self.state(run)

    def stages(self, run: str) -> dict[str, str]:
        """Stage to the state of its last task run."""
        body = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {task["name"].rpartition("-")[0]: task["state_name"] for task in self.api("/task_runs/filter", body)}


@contextmanager
def pivotrl_up(home: Path, port: int = 0, **variables: str) -> Iterator[Up]:
    """`pivotrl up` on that PREFECT_HOME, from its sentence on where the UI is until SIGTERM has ended it."""
    port = port or free_port()
    own = {"PREFECT_HOME": str(home), "PIVOTRL_STORE": str(home / "store")}
    environment = {**os.environ, **variables, **own}
    environment.pop("PREFECT_API_URL", None)
    line = [sys.executable, "-m", "flows.cli", "up", "--port", str(port)]
    with (home / "up.log").open("wb") as output:
        process = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    up = Up(f"http://127.0.0.1:{port}", home, environment, process)
    try:
        eventually(lambda: "Ctrl-C" in up.output() or process.poll() is not None, 400)
        assert process.poll() is None, up.output()
        yield up
    finally:
        process.terminate()
        process.wait(60)


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    below: dict[int, str] = {}
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            below |= {child: command_line(child), **descendants(child)}
    return below


def command_line(pid: int) -> str:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


def ceph_is_installed() -> bool:
    """Whether Debian's packages radosgw, ceph-mon, ceph-osd and ceph-common are there."""
    return all(shutil.which(name) for name in ("radosgw", "ceph-mon", "ceph-osd", "ceph", "monmaptool"))


@contextmanager
def ceph_s3(folder: Path) -> Iterator[dict[str, str]]:
    """A real S3 server with an empty bucket `pivotrl`; the environment in which s3fs, Polars and boto3 use it."""
    import boto3

    port = free_port()
    script = Path(__file__).parent / "ceph_s3.sh"
    with running(["bash", str(script), str(folder), str(port)], dict(os.environ), folder / "ceph.log") as process:
        wait_for(f"http://127.0.0.1:{port}/", process, 120)
        end = time.monotonic() + 60
        while "s3 ready" not in (folder / "ceph.log").read_text(errors="replace"):
            assert time.monotonic() < end, (folder / "ceph.log").read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "testkey",
            "AWS_SECRET_ACCESS_KEY": "testsecret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }
        boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="testkey",
            aws_secret_access_key="testsecret",
            region_name="us-east-1",
        ).create_bucket(Bucket="pivotrl")
        yield environment
