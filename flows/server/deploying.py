"""What a Prefect server needs to run this software.

That is a work pool, one slot for the accelerator, the deployments of prefect.yaml, and an automation that marks a run
as crashed when its process is gone.

All of it may be on the server already, and a person may have changed it: nothing is created twice, and changes stay.
Two things are set anew each time: what prefect.yaml says of its deployments, and what the automation waits for.
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
    """Deploy this checkout to the server that `environment` names.

    Raises:
        PivotRLError: the server does not answer or refuses, or Prefect refuses prefect.yaml; then the text has the last
            lines of the log.
    """
    url = environment["PREFECT_API_URL"]
    try:
        with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
            _create(client, int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]))
            schedules = _schedules(client)
            try:
                _deploy_all(environment, log)
            finally:  # a deploy that failed half-way has switched some of them already
                _restore(client, schedules)
    except httpx.HTTPError as error:
        raise PivotRLError(
            f"Prefect's server at {url} does not answer, or refuses: {error}. Is PREFECT_API_URL right, and "
            "PREFECT_API_AUTH_STRING or PREFECT_API_KEY, if it asks for one?"
        ) from error


def _create(client: SyncPrefectClient, heartbeat_s: int) -> None:
    """Create what prefect.yaml cannot name and the server does not have."""
    template = ProcessWorker.get_default_base_job_template()
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    try:
        client.read_global_concurrency_limit_by_name(ACCELERATOR)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=ACCELERATOR, limit=1))
    automation = crash_automation(heartbeat_s)
    on_server = client.read_automations_by_name(CRASH_AUTOMATION)
    if not on_server:
        client.create_automation(automation)
    for old in on_server:
        if _expectation(old) != _expectation(automation):
            client.update_automation(old.id, automation.model_copy(update={"enabled": old.enabled}))


def _expectation(automation: AutomationCore) -> tuple[set[str], timedelta] | None:
    """The events that must come, and within what time."""
    trigger = automation.trigger
    return (trigger.expect, trigger.within) if isinstance(trigger, EventTrigger) else None


def crash_automation(heartbeat_s: int) -> AutomationCore:
    """An automation that marks a run as Crashed if it sends no event for three intervals after a heartbeat.

    Source: Prefect's documentation, "How to detect and respond to zombie flows".
    """
    return AutomationCore(
        name=CRASH_AUTOMATION,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            # Any event of the run counts as a sign of life: the event of a state bears the state's name, and runs end
            # as Promoted or wait as Suspended too.
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
    # Prefect resolves {{ $PWD }} in prefect.yaml, the folder that runs work in, from the environment.
    variables = {**environment, "PWD": str(ROOT)}
    with log.open("wb") as output:
        done = subprocess.run(line, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    if done.returncode:
        raise PivotRLError(f"prefect.yaml could not be deployed:\n{last_lines(log)}")


_Schedules = dict[UUID, list[DeploymentSchedule]]


def _schedules(client: SyncPrefectClient) -> _Schedules:
    """The schedules of each deployment to our pool, by the deployment's id."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    deployments = client.read_deployments(work_pool_filter=pool, limit=200)
    return {deployment.id: list(deployment.schedules) for deployment in deployments}


def _restore(client: SyncPrefectClient, earlier: _Schedules) -> None:
    """Take back what a deploy does to schedules.

    It switches those of prefect.yaml on and off as the file says, and removes those that were created in the UI.
    """
    current = _schedules(client)
    for deployment_id, schedules in earlier.items():
        by_key = {schedule.slug or schedule.id: schedule for schedule in current.get(deployment_id, [])}
        for schedule in schedules:
            deployed = by_key.get(schedule.slug or schedule.id)
            if deployed is None and not schedule.slug:  # those of the file have a slug
                copy = DeploymentScheduleCreate(
                    schedule=schedule.schedule, active=schedule.active, parameters=schedule.parameters
                )
                client.create_deployment_schedules(deployment_id, [copy])
            elif deployed is not None and deployed.active != schedule.active:
                client.update_deployment_schedule(deployment_id, deployed.id, active=schedule.active)
