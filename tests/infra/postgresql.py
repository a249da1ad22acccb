"""A real PostgreSQL (Debian's package) on loopback, for tests."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port, running

USER = "prefect"


def programs() -> Path | None:
    """The folder of initdb, postgres and psql, of the newest version installed; None without any."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


@contextmanager
def postgresql() -> Iterator[str]:
    """A new cluster with an empty database `prefect` behind a password, gone with the block.

    Yields its URL, postgresql://USER:PASSWORD@127.0.0.1:PORT/prefect. PostgreSQL refuses to run as root, so a root's
    test runs it as the package's own user, in a folder which that user can reach (pytest's are closed to others).
    """
    binaries = programs()
    assert binaries is not None, "apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="pivotrl-postgresql-"))
    password = secrets.token_hex(16)
    try:
        (folder / "password").write_text(password)
        as_user = _as_postgres(folder)
        data = str(folder / "data")
        cluster = [*as_user, str(binaries / "initdb"), "--pgdata", data, "--username", USER, "--auth", "scram-sha-256"]
        _run([*cluster, "--pwfile", str(folder / "password"), "--encoding", "UTF8", "--locale", "C", "--no-sync"])
        port = free_port()
        given = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        server = [*as_user, str(binaries / "postgres"), "-D", data, "-c", "fsync=off", *given]
        with running(server, dict(os.environ), folder / "postgresql.log"):
            url = f"postgresql://{USER}:{password}@127.0.0.1:{port}"
            _wait_until_ready(binaries, port, folder / "postgresql.log")
            answer(f"{url}/postgres", "create database prefect")
            yield f"{url}/prefect"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answer(url: str, query: str) -> str:
    """What psql prints for a query: rows without headings."""
    binaries = programs()
    assert binaries is not None
    return _run([str(binaries / "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--command", query, url]).strip()


def _as_postgres(folder: Path) -> list[str]:
    if os.getuid() != 0:
        return []
    for path in (folder, folder / "password"):
        shutil.chown(path, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wait_until_ready(binaries: Path, port: int, log: Path) -> None:
    ask = [str(binaries / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    end = time.monotonic() + 60
    while subprocess.run(ask).returncode != 0:
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.2)
