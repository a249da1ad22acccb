"""`pivotrl up`: Prefect's server on loopback, what prefect.yaml deploys, and a worker, until Ctrl-C.

    PREFECT_HOME/pivotrl/prefect.db                      runs, schedules, cards (artefacts are in the store)
    PREFECT_HOME/pivotrl/{server,deploy,worker}.log      what each printed since the last start
    PREFECT_HOME/pivotrl/retried.log                     what the server tried in vain, and will try again

The environment goes before every setting chosen here, but for the server's own address: another database is
PREFECT_SERVER_DATABASE_CONNECTION_URL, another heartbeat PREFECT_FLOWS_HEARTBEAT_FREQUENCY.
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

from flows.server.processes import ROOT, Part, heartbeat, running, server_logging
from flows.server.reports import serving
from flows.settings.configuration import default_store
from schemas.locations import DEFAULT_STORE
from tasks.errors import ConfigurationError, PivotRLError
from tasks.report.browser_link import REPORTS_URL

HOST = "127.0.0.1"
_HEALTHY_WITHIN_S, _LOOK_EVERY_S = 180.0, 0.5
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WELCOME = """
    {url}/deployments

Choose a deployment there and run it; every stage leaves a card under Artifacts. From another terminal:

    export PREFECT_API_URL={url}/api
    prefect deployment run pivotrl/pivotrl --watch

Runs work in {root}; artefacts go to the store {store} unless a run names another.
Ctrl-C stops the worker with what it runs, and the server. What was finished is kept: a retry goes on from there."""


def up(port: int) -> None:
    """Start it all, say where it is, and stay until Ctrl-C, SIGTERM or the end of the terminal; then stop it all.

    Raises:
        ConfigurationError: the port is taken, another `pivotrl up` uses the same PREFECT_HOME, or PREFECT_HOME or
            the store cannot be written to.
        PivotRLError: the server or the worker ended, or prefect.yaml could not be deployed.
    """
    folder, store = _folder(), default_store() or str(ROOT / DEFAULT_STORE)
    _past_proxies()
    url = f"http://{HOST}:{port}"
    with _only_one(folder, url):
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


def _past_proxies() -> None:
    """HTTP_PROXY is for what is elsewhere: this process and its children reach the server themselves."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if given != "*":
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{given},{HOST}".lstrip(",")


def environment(url: str, folder: Path) -> dict[str, str]:
    """The variables under which server, worker and runs work: this process's, completed."""
    defaults = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        # In memory, by default: a slot whose holder outlives the server, or dies with it, would stay taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The server waits a minute for SQLite's lock, as long as clients wait for it, by default: a state that is set
        # then, while its answer is not waited for, is set again without its result, and the run's process fails.
        "PREFECT_API_REQUEST_TIMEOUT": "300",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    api = f"{url}/api"
    own = {"PREFECT_API_URL": api, "PREFECT_SERVER_UI_API_URL": api, "PREFECT_HOME": str(folder.parent)}
    return {**defaults, **os.environ, **heartbeat(), **own}


@contextmanager
def _pages(store: str, port: int) -> Iterator[dict[str, str]]:
    """The store that runs write to by default, and where cards find its pages: said by the environment already, or
    served from here, or nowhere for a store that is not on disk."""
    if REPORTS_URL in os.environ or "://" in store:
        yield {"PIVOTRL_STORE": store} if default_store() else {}
        return
    with serving(Path(store) / "_reports", port) as address:
        yield {REPORTS_URL: address, "PIVOTRL_STORE": store}


def _serve(url: str, given: dict[str, str], folder: Path, store: str) -> None:
    _say(f"Starting Prefect's server at {url} (logs: {folder})")
    server_command = ["server", "start", "--host", HOST, "--port", url.rpartition(":")[2]]
    logged = server_logging(folder) | given
    with running("server", server_command, logged, folder, "flows.server.prefect_server") as server:
        from flows.server.deploying import POOL, deploy  # while the server starts: Prefect takes seconds to import

        _wait_until_healthy(server, url)
        _say("Deploying prefect.yaml")
        deploy(given, folder / "deploy.log")
        with running("worker", ["worker", "start", "--pool", POOL], given, folder) as worker:
            _say(_WELCOME.format(url=url, root=ROOT, store=store))
            while True:
                server.check()
                worker.check()
                time.sleep(_LOOK_EVERY_S)


@contextmanager
def _only_one(folder: Path, url: str) -> Iterator[None]:
    """Two servers on one database would both schedule its runs."""
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
            raise ValueError("0 means any, and the address is to be known")
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
    except (OSError, OverflowError, ValueError) as error:
        raise ConfigurationError(
            f"--port {port} cannot be used: {error}. Stop what listens there (another `pivotrl up`?), or choose another"
        ) from error


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """The first signal interrupts; those after it are ignored, so that stopping, which has its own limit, ends."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for stopping in _STOPPING:
            signal.signal(stopping, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {stopping: signal.signal(stopping, interrupt) for stopping in _STOPPING}
    try:
        yield
    finally:
        for stopping, handler in before.items():
            signal.signal(stopping, handler)


def _wait_until_healthy(server: Part, url: str) -> None:
    end = time.monotonic() + _HEALTHY_WITHIN_S
    while time.monotonic() < end:
        server.check()
        with suppress(OSError), urllib.request.urlopen(f"{url}/api/health", timeout=5):
            return
        time.sleep(0.2)
    raise PivotRLError(f"Prefect's server did not answer at {url} within {_HEALTHY_WITHIN_S:.0f} s; see {server.log}")


def _say(text: str) -> None:
    print(text, flush=True)
