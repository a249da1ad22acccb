"""Prefect's server as the team's compose file and charts run it: on PostgreSQL, behind a password."""

from __future__ import annotations

import json
import secrets
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.conftest import api, deploy, prefect
from tests.infra.postgresql import answer, postgresql, programs
from tests.servers import prefect_server, running

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(programs() is None, reason="needs Debian's package postgresql"),
]
Team = tuple[dict[str, str], str]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The environment of a server's clients, after this checkout was deployed to it, and the URL of its database."""
    folder = tmp_path_factory.mktemp("prefect")
    credentials = f"admin:{secrets.token_hex(8)}"
    with postgresql() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", url.replace("postgresql://", "postgresql+asyncpg://"))
        patch.setenv("PREFECT_SERVER_API_AUTH_STRING", credentials)
        lease_storage = "prefect.server.concurrency.lease_storage.filesystem"
        patch.setenv("PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", lease_storage)
        with prefect_server(folder) as server:
            client = {name: value for name, value in server.items() if not name.startswith("PREFECT_SERVER_")}
            client["PREFECT_API_AUTH_STRING"] = credentials
            deploy(client)
            yield client, url


def test_without_the_password_the_server_answers_health_alone(team: Team) -> None:
    stranger = {"PREFECT_API_URL": team[0]["PREFECT_API_URL"]}
    assert api(stranger, "/health") is True
    with pytest.raises(urllib.error.HTTPError, match="401"):
        api(stranger, "/work_pools/filter", {})


def test_a_run_and_its_cards_are_in_the_database(team: Team, tmp_path: Path) -> None:
    server, url = team
    settings = {"store": str(tmp_path / "store"), "ingest": {"source": "world://desk?episodes=12&seed=0"}}
    worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "pivotrl"]
    given = ("--param", f"config={json.dumps(settings)}", "--param", 'until="states"')
    with running(worker, {**server, "PREFECT_WORKER_QUERY_SECONDS": "2"}, tmp_path / "worker.log"):
        prefect(server, "deployment", "run", "pivotrl/pivotrl", *given, "--watch")

    (run,) = api(server, "/flow_runs/filter", {})
    assert run["state_name"] == "Completed", (tmp_path / "worker.log").read_text()[-4000:]
    of_the_run = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    tasks = {task["name"].split("-")[0]: task["state_name"] for task in api(server, "/task_runs/filter", of_the_run)}
    assert tasks == {"ingest": "Completed", "split": "Completed"}
    cards = api(server, "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {card["key"] for card in cards} >= {"trajectories", "states"}
    assert answer(url, "select state_name from flow_run") == "Completed"
    assert set(answer(url, "select key from artifact").splitlines()) >= {"trajectories", "states"}
    assert answer(url, "select name from concurrency_limit_v2 where name = 'gpu'") == "gpu"


def test_deploying_again_makes_nothing_twice(team: Team) -> None:
    server, _ = team

    def there() -> dict[str, list[str]]:
        kinds = ("work_pools", "deployments", "automations", "v2/concurrency_limits")
        return {kind: sorted(row["name"] for row in api(server, f"/{kind}/filter", {})) for kind in kinds}

    before = there()
    assert all(before.values())
    deploy(server)
    assert there() == before
