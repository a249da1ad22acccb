"""Commands for Prefect's server: up, deploy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import integer


def up(
    *,
    port: Annotated[
        int, Parameter(metavar="PORT", converter=integer, help="the server's port on loopback (default 4200)")
    ] = 4200,
) -> None:
    """Start Prefect's server, UI and a worker."""
    from flows.server.up import up

    up(port)


def deploy() -> None:
    """Deploy to the server of PREFECT_API_URL."""
    import tempfile
    from contextlib import suppress

    from flows.server.processes import heartbeat
    from tasks.errors import ConfigurationError

    url = os.environ.get("PREFECT_API_URL")
    if not url:
        raise ConfigurationError(
            "PREFECT_API_URL is not set: give it the address of a running server, such as "
            "http://127.0.0.1:4200/api. To start one here: pivotrl up"
        )
    # Before Prefect is imported: where the variable is wrong, that import ends in a traceback.
    environment = {**os.environ, **heartbeat()}
    from flows.server.deploying import deploy

    log = Path(tempfile.mkdtemp(prefix="pivotrl-deploy-")) / "deploy.log"
    try:
        deploy(environment, log)
        log.unlink()
    finally:
        with suppress(OSError):  # the log of what failed stays: the error names it
            log.parent.rmdir()
    print(f"Deployed prefect.yaml to {url}")
