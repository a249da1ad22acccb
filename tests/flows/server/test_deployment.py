"""prefect.yaml as `pivotrl up` deploys it: runs on demand, by an event and by a cron schedule, by a real worker."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from tasks.store.promotion import policy_in_use
from tasks.store.store import Store
from tests.flows.growing import CHEAP
from tests.servers import ROOT, Up, eventually

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
server = pytest.mark.server


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_entrypoint_imports(deployment: dict[str, Any]) -> None:
    # `prefect deploy` succeeds on a flow whose imports fail: it falls back to reading the source.
    path, _, name = deployment["entrypoint"].partition(":")
    flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    assert flow.name == deployment["name"]
    assert flow.validate_parameters(deployment["parameters"]).keys() >= deployment["parameters"].keys()


@server
def test_a_second_run_finds_every_stage_made(up: Up, tmp_path: Path) -> None:
    settings = {"store": str(tmp_path / "store"), "ingest": {"source": "world://desk?episodes=12&seed=0"}}
    first = up.submit("pivotrl", preset="desk", config=settings, until="states")
    assert up.ended(first) == "Completed"
    assert up.stages(first) == {"ingest": "Completed", "split": "Completed"}
    again = up.submit("pivotrl", preset="desk", config=settings, until="states")
    assert up.ended(again) == "Completed"
    assert up.stages(again) == {"ingest": "Cached", "split": "Cached"}
    cards = up.api("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [again]}}})
    assert {card["key"] for card in cards} == {"trajectories", "states"}


@server
@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"preset": "dekc"}, "'dekc' is not one of ['desk', 'tool-use', 'none']"),
        ({"config": {"rollout": {"samples": 1}}}, "1 is less than the minimum of 2"),
        ({"config": {"rolout": {}}}, "'rolout' was unexpected"),
        ({"until": "pivot"}, "'pivot' is not one of"),
    ],
)
def test_the_server_refuses_what_the_form_refuses(up: Up, parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        up.submit("pivotrl", **parameters)
    assert problem in caught.value.response.text


@server
@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"config": {"store": "s4://bucket"}}, "store 's4://bucket'"),
        ({"start": "pivots@nope"}, "no version or tag 'nope' of pivots"),
    ],
)
def test_a_run_that_cannot_be_fails_at_once_with_a_sentence(
    up: Up, tmp_path: Path, parameters: dict[str, Any], problem: str
) -> None:
    config = {"store": str(tmp_path), **parameters.pop("config", {})}
    run = up.submit("pivotrl", config=config, **parameters)
    assert up.ended(run) == "Failed"
    state = up.api(f"/flow_runs/{run}")["state"]
    assert problem in state["message"] and "Traceback" not in state["message"]
    assert up.stages(run) == {}


@contextmanager
def paused(up: Up) -> Iterator[None]:
    """No run starts meanwhile."""
    up.api("/work_pools/pivotrl", {"is_paused": True}, "PATCH")
    try:
        yield
    finally:
        up.api("/work_pools/pivotrl", {"is_paused": False}, "PATCH")


def runs_of(up: Up, flow: str) -> list[dict[str, Any]]:
    """The runs of a deployment that were started by themselves, in order, without those that are yet to come."""
    body = {"deployments": {"id": {"any_": [up.deployment(flow)["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
    now = datetime.now(UTC).isoformat()
    return [run for run in up.api("/flow_runs/filter", body) if run["expected_start_time"] <= now]


@server
def test_an_event_starts_retrain_on_its_source(up: Up) -> None:
    source = "s3://bucket/trajectories"
    event = {
        "id": str(uuid4()),
        "event": "pivotrl.trajectories.arrived",
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": "pivotrl.trajectories"},
        "payload": {"source": source},
    }
    with paused(up):
        up.api("/events", [event])
        (run,) = eventually(lambda: runs_of(up, "retrain"), 60)
        up.api(f"/flow_runs/{run['id']}", method="DELETE")
    assert run["parameters"] == {"preset": "desk", "source": source}


@server
@pytest.mark.engine
@pytest.mark.timeout(1200)
def test_a_cron_schedule_starts_retrain_which_promotes_once(up: Up, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    gate = {"min_gain": -10, "max_ood_loss": 1}
    config = {**CHEAP, "store": store.root, "ingest": {"source": "world://desk?episodes=16&seed=1"}}
    parameters = {"preset": "none", "config": config, "gate": gate}
    schedules = f"/deployments/{up.deployment('retrain')['id']}/schedules"
    every_minute = {"active": True, "schedule": {"cron": "* * * * *", "timezone": "UTC"}, "parameters": parameters}
    (schedule,) = up.api(schedules, [every_minute])

    def ended() -> list[str]:
        started = [run for run in runs_of(up, "retrain") if run["auto_scheduled"]]
        names = [run["state_name"] for run in started if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]
        return names if len(names) > 1 else []

    try:
        assert eventually(ended, 900)[:2] == ["Promoted", "NoNewData"]
    finally:
        up.api(f"{schedules}/{schedule['id']}", method="DELETE")
        for waiting in (run for run in runs_of(up, "retrain") if run["state_type"] in ("SCHEDULED", "PENDING")):
            up.api(f"/flow_runs/{waiting['id']}", method="DELETE")
    assert policy_in_use(store) == store.resolve("policies@promoted-1")
