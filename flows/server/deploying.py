"""What a Prefect server needs to run this software: a work pool, one slot for the accelerator, the deployments of
prefect.yaml, and an automation that marks runs crashed whose process is gone.

All of it may be there already, from the last start or changed by a person since: nothing is made twice, and what was
changed stays, except what prefect.yaml says of its deployments, and what the automation waits for.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import DeploymentSchedule, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from flows.server.processes import ROOT, last_lines
from tasks.errors import PivotRLError
from tasks.orchestration.stage_task import ACCELERATOR

POOL = "pivotrl"
CRASH_AUTOMATION = "pivotrl: a run without a heartbeat has crashed"
MISSED_HEARTBEATS = 3


def deploy(environment: dict[str, str], log: Path) -> None:
    """Bring the server of `environment` to what this checkout deploys.

    Raises:
        PivotRLError: the server does not answer or refused, or Prefect refused prefect.yaml; the text has the last
            lines of what it said.
    """
    url = environment["PREFECT_API_URL"]
    try:
        with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
            _make(client, int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]))
            before = _schedules(client)
            try:
                _deploy_all(environment, log)
            finally:  # what failed half-way has switched some of them already
                _restore(client, before)
    except httpx.HTTPError as error:
        raise PivotRLError(
            f"Prefect's server at {url} does not answer, or refuses: {error}. Is PREFECT_API_URL right, and "
            "PREFECT_API_AUTH_STRING or PREFECT_API_KEY, if it asks for one?"
        ) from error


def _make(client: SyncPrefectClient, heartbeat_s: int) -> None:
    """What is not in prefect.yaml, unless it is there."""
    template = ProcessWorker.get_default_base_job_template()
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    try:
        client.read_global_concurrency_limit_by_name(ACCELERATOR)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=ACCELERATOR, limit=1))
    wanted = crash_automation(heartbeat_s)
    found = client.read_automations_by_name(CRASH_AUTOMATION)
    if not found:
        client.create_automation(wanted)
    for there in found:
        if _awaited(there) != _awaited(wanted):
            client.update_automation(there.id, wanted.model_copy(update={"enabled": there.enabled}))


def _awaited(automation: AutomationCore) -> tuple[set[str], timedelta] | None:
    """What must come, and within what time."""
    trigger = automation.trigger
    return (trigger.expect, trigger.within) if isinstance(trigger, EventTrigger) else None


def crash_automation(heartbeat_s: int) -> AutomationCore:
    """Marks a run Crashed of which nothing was heard for three intervals after a heartbeat: its worker died with it.

    Anything that is heard will do, because a state's event bears its name, and runs end as Promoted or wait as
    Suspended too. Source: Prefect's documentation, "How to detect and respond to zombie flows".
    """
    return AutomationCore(
        name=CRASH_AUTOMATION,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=heartbeat_s * MISSED_HEARTBEATS),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message="No heartbeat: the worker and the run's process are gone. Retry goes on where the run was.",
            )
        ],
    )


def _deploy_all(environment: dict[str, str], log: Path) -> None:
    if not (ROOT / "prefect.yaml").is_file():
        raise PivotRLError(
            f"no prefect.yaml in {ROOT}: `pivotrl up` needs a checkout; install it with pip install -e ."
        )
    line = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    with log.open("wb") as output:
        # Prefect resolves {{ $PWD }} in prefect.yaml from the environment: the folder that runs work in.
        given = {**environment, "PWD": str(ROOT)}
        done = subprocess.run(line, cwd=ROOT, env=given, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    if done.returncode:
        raise PivotRLError(f"prefect.yaml could not be deployed:\n{last_lines(log)}")


_Schedules = dict[UUID, list[DeploymentSchedule]]


def _schedules(client: SyncPrefectClient) -> _Schedules:
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    deployments = client.read_deployments(work_pool_filter=ours, limit=200)
    return {deployment.id: list(deployment.schedules) for deployment in deployments}


def _restore(client: SyncPrefectClient, before: _Schedules) -> None:
    """A deploy switches its schedules on and off as the file says and removes those made in the UI: take that back."""
    now = _schedules(client)
    for deployment_id, schedules in before.items():
        deployed = {schedule.slug or schedule.id: schedule for schedule in now.get(deployment_id, [])}
        for schedule in schedules:
            same = deployed.get(schedule.slug or schedule.id)
            if same is None and not schedule.slug:
                again = DeploymentScheduleCreate(
                    schedule=schedule.schedule, active=schedule.active, parameters=schedule.parameters
                )
                client.create_deployment_schedules(deployment_id, [again])
            elif same is not None and same.active != schedule.active:
                client.update_deployment_schedule(deployment_id, same.id, active=schedule.active)
