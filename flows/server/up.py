"""`pivotrl up`: Prefect's server on loopback, what prefect.yaml deploys, and a worker, until Ctrl-C.

    PREFECT_HOME/pivotrl/prefect.db                      runs, schedules, cards (artefacts are in the store)
    PREFECT_HOME/pivotrl/{server,deploy,worker}.log      what each printed since the last start
    PREFECT_HOME/pivotrl/retried.log                     attempts of the server that failed and are retried

A variable of the environment overrides the setting chosen here, except for the server's own address:
PREFECT_SERVER_DATABASE_CONNECTION_URL names another database, PREFECT_FLOWS_HEARTBEAT_FREQUENCY another heartbeat.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from flows.server.processes import ROOT, Service, heartbeat, running, server_logging
from flows.server.reports import serving
from flows.settings.configuration import default_store
from schemas.locations import DEFAULT_STORE
from tasks.errors import ConfigurationError, PivotRLError
from tasks.report.browser_link import REPORTS_URL

HOST = "127.0.0.1"
_HEALTHY_WITHIN_S, _CHECK_EVERY_S = 180.0, 0.5
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WELCOME = """
    {url}/deployments

Choose a deployment there and run it; every stage leaves a card under Artifacts. From another terminal:

    export PREFECT_API_URL={url}/api
    prefect deployment run pivotrl/pivotrl --watch

Runs work in {root}; artefacts go to the store {store} unless a run names another.
Ctrl-C stops the worker with what it runs, and the server. What was finished is kept: a retry goes on from there."""


def up(port: int) -> None:
    """Run the server and a worker until Ctrl-C, SIGTERM or the end of the terminal, then stop both.

    Raises:
        ConfigurationError: the port is taken, another `pivotrl up` uses the same PREFECT_HOME, or PREFECT_HOME or
            the store cannot be written to.
        PivotRLError: the server or the worker ended, or prefect.yaml could not be deployed.
    """
    folder, store = _folder(), default_store() or str(ROOT / DEFAULT_STORE)
    _bypass_proxies()
    url = f"http://{HOST}:{port}"
    with _locked(folder, url):
        _check_port(port)
        with suppress(KeyboardInterrupt), _interrupted_by_signals(), _pages(store, port + 1) as pages:
            _serve(url, environment(url, folder) | pages, folder, store)
    _say("Stopped.")


def _folder() -> Path:
    folder = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser().absolute() / "pivotrl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "up.lock").touch()
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written to: {error.strerror}; give another folder by PREFECT_HOME"
        ) from error
    return folder


def _bypass_proxies() -> None:
    """Reach the server directly, in this process and its children: HTTP_PROXY is for other machines."""
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if hosts != "*":
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{hosts},{HOST}".lstrip(",")


def environment(url: str, folder: Path) -> dict[str, str]:
    """The variables for the server, the worker and the runs: those of this process, and what they lack."""
    defaults = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        # By default leases are kept in memory: a slot would stay taken for ever if its holder outlives the server, or
        # dies with it.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # By default clients wait for the server as long as it waits for SQLite's lock, a minute. A client that gives up
        # sets a state again that was set already, without its result, and the run's process fails.
        "PREFECT_API_REQUEST_TIMEOUT": "300",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    api = f"{url}/api"
    own = {"PREFECT_API_URL": api, "PREFECT_SERVER_UI_API_URL": api, "PREFECT_HOME": str(folder.parent)}
    return {**defaults, **os.environ, **heartbeat(), **own}


@contextmanager
def _pages(store: str, port: int) -> Iterator[dict[str, str]]:
    """Serve the pages of the store; yields the variables that tell runs their store and the address of its pages.

    Nothing is served if the environment names an address, or if the store is not on disk.
    """
    if REPORTS_URL in os.environ or "://" in store:
        yield {"PIVOTRL_STORE": store} if default_store() else {}
        return
    with serving(Path(store) / "_reports", port) as address:
        yield {REPORTS_URL: address, "PIVOTRL_STORE": store}


def _serve(url: str, variables: dict[str, str], folder: Path, store: str) -> None:
    _say(f"Starting Prefect's server at {url} (logs: {folder})")
    server_command = ["server", "start", "--host", HOST, "--port", url.rpartition(":")[2]]
    server_variables = server_logging(folder) | variables
    with running("server", server_command, server_variables, folder, "flows.server.prefect_server") as server:
        from flows.server.deploying import POOL, deploy  # while the server starts: Prefect takes seconds to import

        _wait_until_healthy(server, url)
        _say("Deploying prefect.yaml")
        deploy(variables, folder / "deploy.log")
        with running("worker", ["worker", "start", "--pool", POOL], variables, folder) as worker:
            _say(_WELCOME.format(url=url, root=ROOT, store=store))
            while True:
                server.check()
                worker.check()
                time.sleep(_CHECK_EVERY_S)


@contextmanager
def _locked(folder: Path, url: str) -> Iterator[None]:
    """Hold the lock of a PREFECT_HOME: two servers on one database would both schedule its runs."""
    with (folder / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise ConfigurationError(
                f"`pivotrl up` runs already, {lock.read().strip()}: use that one, or stop it first. A second one needs "
                f"a --port and a PREFECT_HOME of its own (this one: {folder.parent})"
            ) from error
        lock.truncate(0)
        lock.write(f"at {url} as process {os.getpid()}\n")
        lock.flush()
        yield


def _check_port(port: int) -> None:
    try:
        if not port:
            raise ValueError("0 means any free port, but others must know the address")
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
    except (OSError, OverflowError, ValueError) as error:
        raise ConfigurationError(
            f"--port {port} cannot be used: {error}. Stop what listens there (another `pivotrl up`?), or choose another"
        ) from error


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal to stop, and ignore those after it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for sign in _STOP_SIGNALS:
            signal.signal(sign, signal.SIG_IGN)  # stopping has a limit of its own, and must not be interrupted
        raise KeyboardInterrupt

    handlers = {sign: signal.signal(sign, interrupt) for sign in _STOP_SIGNALS}
    try:
        yield
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)


def _wait_until_healthy(server: Service, url: str) -> None:
    end = time.monotonic() + _HEALTHY_WITHIN_S
    while time.monotonic() < end:
        server.check()
        with suppress(OSError), urllib.request.urlopen(f"{url}/api/health", timeout=5):
            return
        time.sleep(0.2)
    raise PivotRLError(f"Prefect's server did not answer at {url} within {_HEALTHY_WITHIN_S:.0f} s; see {server.log}")


def _say(text: str) -> None:
    print(text, flush=True)
