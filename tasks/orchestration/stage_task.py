"""A stage as Prefect sees it: a task whose state is Cached when nothing ran, with a card and an event.

Prefect's own result cache stays off: it would hand out references to artefacts that were deleted.
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
from tasks.orchestration.live import Live, Plot
from tasks.report.card import card
from tasks.store.store import Store

ACCELERATOR = "gpu"
"""The Prefect concurrency limit whose slots are accelerators; `pivotrl up` makes it, with one slot."""
_LEASE_S = 600.0
"""A slot is its holder's as long as a server that is away is back in a quarter of this: Prefect renews it after three
quarters, asks again for three minutes, and then gives up for good while the holder works on. The price: a slot whose
holder was killed comes free after so long."""

P = ParamSpec("P")
R = TypeVar("R")


def _passes(error: BaseException) -> bool:
    """Whether the fault may pass by itself: one of the network, also under a StoreError's sentence."""
    fault = error.__cause__ if isinstance(error, StoreError) else error
    if isinstance(fault, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)):
        return False
    return isinstance(fault, (ConnectionError, TimeoutError, BotoCoreError))


def _transient(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except Exception as error:
        return _passes(error)
    return False


def refusing(function: Callable[P, R], *, retried: bool = False) -> Callable[P, R]:
    """Let a task or flow fail with a sentence where this software refuses on purpose, without a traceback.

    A returned Failed state is logged as its message; whoever asks for the result meets the exception as if it were
    raised.

    Args:
        retried: what may pass is raised, because Prefect does not retry a task that returns a state.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PivotRLError as error:
            if retried and _passes(error):
                raise
            return cast(R, Failed(message=str(error), data=error))

    # Prefect makes the UI's form from the types, which it cannot look up by name from here.
    run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return run


def stage_task(function: Callable[P, R]) -> Task[P, R]:
    """Make a stage's entry a Prefect task. Call it with `.submit`; pass its future on."""
    make = task(
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=3,
        retry_delay_seconds=exponential_backoff(backoff_factor=5),
        retry_jitter_factor=0.5,
        retry_condition_fn=_transient,
    )
    return make(refusing(function, retried=True))


def run_on_accelerator(
    module: str,
    spec: BaseModel,
    *,
    timeout_s: float,
    launcher: Sequence[str] = (sys.executable,),
    plot: Plot | None = None,
) -> None:
    """`run_child` with the accelerator to itself, however many runs the server has, and its progress in the UI.

    Not a tag of the task, which would do the same for the whole task: a stage that finds its artefact need not wait.

    Raises:
        PivotRLError: as `run_child` does.
    """
    has_server = bool(PREFECT_API_URL.value())
    with concurrency(ACCELERATOR, lease_duration=_LEASE_S) if has_server else nullcontext():
        live = Live(logger(), plot)
        run_child(module, spec, timeout_s=timeout_s, log=logger(), launcher=launcher, watch=live.show)


def logger() -> Log:
    """The run's logger: its lines show in the terminal and in the UI."""
    return get_run_logger()


def _show_card(artefact: Artefact, store: Store, message: str) -> None:
    """A card that cannot be drawn or shown is a warning: what it tells of is made and committed."""
    try:
        create_markdown_artifact(card(store, store.manifest(artefact.ref)), key=artefact.stage, description=message)
    except Exception as error:
        logger().warning("%s: no card in the UI: %s: %s", artefact.ref, type(error).__name__, error)


def published(artefact: Artefact, store: Store) -> Artefact:
    """Announce an artefact: log line, card, event. A task returns this.

    It is a Prefect state, named Cached when nothing ran, and Prefect hands on the artefact inside it: the task's type
    is `Artefact`.
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
