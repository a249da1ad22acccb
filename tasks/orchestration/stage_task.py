"""A stage as a Prefect task: its retries, its turn on the accelerator, its card, its event.

The task ends as Cached when the store had the artefact and nothing ran.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError, ProfileNotFound
from prefect import Task, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.sync import concurrency
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff
from pydantic import BaseModel

from tasks.artefact.stage import Artefact
from tasks.children.child import run_child
from tasks.children.progress import Log
from tasks.errors import PivotRLError, StoreError
from tasks.orchestration.progress_display import Plot, ProgressDisplay
from tasks.report.card import card
from tasks.store.store import Store

ACCELERATOR = "gpu"
"""The Prefect concurrency limit whose slots are accelerators; `pivotrl up` makes it, with one slot."""
_LEASE_S = 600.0
"""How long a slot stays taken without a renewal. Prefect renews a lease after three quarters of it, tries for three
minutes, and then gives up for good while the stage goes on computing. So a server may be away for a quarter of this.
The price: when a stage is killed, its slot comes free only after this time."""

P = ParamSpec("P")
R = TypeVar("R")


def _is_transient(error: BaseException) -> bool:
    """Whether the fault may be gone at the next try: one of the network."""
    # The store raises StoreError with a sentence, from the fault itself.
    fault = error.__cause__ if isinstance(error, StoreError) else error
    # These are BotoCoreErrors too, but no further try will find the credentials.
    if isinstance(fault, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)):
        return False
    return isinstance(fault, (ConnectionError, TimeoutError, BotoCoreError))


def _should_retry(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except Exception as error:
        return _is_transient(error)
    return False


def fail_without_traceback(function: Callable[P, R], *, is_retried: bool = False) -> Callable[P, R]:
    """Let a task or flow fail with the sentence of a PivotRLError. A traceback would hide it.

    It returns a Failed state: Prefect logs the state's message, and raises the error where the result is asked for.

    Args:
        is_retried: raise transient faults, because Prefect does not retry a task that returns a state.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PivotRLError as error:
            if is_retried and _is_transient(error):
                raise
            return cast(R, Failed(message=str(error), data=error))

    # Prefect makes the UI's form from the signature. Its types are text here (`from __future__ import annotations`) and
    # Prefect would look their names up in this module, not in the function's.
    run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return run


def stage_task(function: Callable[P, R]) -> Task[P, R]:
    """Make a stage's entry a Prefect task."""
    make_task = task(
        # Prefect's cache would hand out references to artefacts that were deleted; the store knows what it has.
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=3,
        retry_delay_seconds=exponential_backoff(backoff_factor=5),
        retry_jitter_factor=0.5,
        retry_condition_fn=_should_retry,
    )
    return make_task(fail_without_traceback(function, is_retried=True))


def run_in_child(module: str, spec: BaseModel, *, timeout_s: float) -> None:
    """`run_child` with its progress in the UI. It needs no accelerator, and waits for none.

    Raises:
        PivotRLError: as `run_child` does.
    """
    run_child(module, spec, timeout_s=timeout_s, log=logger(), watch=ProgressDisplay(logger(), None).show)


def run_child_on_accelerator(
    module: str,
    spec: BaseModel,
    *,
    timeout_s: float,
    launcher: Sequence[str] = (sys.executable,),
    plot: Plot | None = None,
) -> None:
    """`run_child`, alone on the accelerator among all runs of the server, with its progress in the UI.

    Raises:
        PivotRLError: as `run_child` does.
    """
    has_server = bool(PREFECT_API_URL.value())
    # Here and not as a tag of the task: a stage that finds its artefact in the store need not wait for its turn.
    with concurrency(ACCELERATOR, lease_duration=_LEASE_S) if has_server else nullcontext():
        display = ProgressDisplay(logger(), plot)
        run_child(module, spec, timeout_s=timeout_s, log=logger(), launcher=launcher, watch=display.show)


def logger() -> Log:
    """The run's logger: its lines show in the terminal and in the UI."""
    return get_run_logger()


def announce(artefact: Artefact, store: Store) -> Artefact:
    """Tell of an artefact: a log line, its card, an event. A stage's task returns what this returns.

    That is a Prefect state with the artefact inside, which Prefect takes out: for callers it is an `Artefact`.
    """
    how = "reused" if artefact.cached else f"made in {artefact.seconds:.1f} s"
    message = f"{artefact.ref}: {artefact.rows:,} rows, {how}"
    logger().info(message)
    _show_card(artefact, store, message)
    if not artefact.cached:
        emit_event(
            f"pivotrl.{artefact.stage}.published",
            resource={"prefect.resource.id": f"pivotrl.{artefact.stage}.{artefact.version}"},
            payload=artefact.model_dump(),
        )
    return cast(Artefact, Completed(name="Cached" if artefact.cached else None, message=message, data=artefact))


def _show_card(artefact: Artefact, store: Store, message: str) -> None:
    try:
        create_markdown_artifact(card(store, store.manifest(artefact.ref)), key=artefact.stage, description=message)
    except Exception as error:  # whatever fails in drawing or showing: the artefact is committed
        logger().warning("%s: no card in the UI: %s: %s", artefact.ref, type(error).__name__, error)
