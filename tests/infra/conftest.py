"""What the tests of infra/ ask of a Prefect server."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from typing import Any

from tests.servers import ROOT

_DEPLOY = """
import os, pathlib, sys
from flows.server.deploying import deploy
deploy(dict(os.environ), pathlib.Path(sys.argv[1]))
"""


def prefect(server: dict[str, str], *arguments: str) -> str:
    """The output of a command of Prefect's that succeeded."""
    return _output(server, "-m", "prefect", "--no-prompt", *arguments)


def deploy(server: dict[str, str]) -> None:
    """Deploy this checkout to a server, as the worker's image does."""
    assert server["PREFECT_API_URL"] in _output(server, "-m", "flows.cli", "deploy")


def api(server: dict[str, str], path: str, body: dict[str, Any] | None = None) -> Any:
    """What the server answers; its own errors are urllib.error.HTTPError."""
    headers = {"Content-Type": "application/json"}
    if credentials := server.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server['PREFECT_API_URL']}{path}", data=data, headers=headers)
    return json.loads(urllib.request.urlopen(request, timeout=60).read())


def _output(server: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=server, cwd=ROOT, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
