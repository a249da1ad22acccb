"""How a run comes to its artefacts: it takes those that exist already, makes the others, and ends at `until`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

from pydantic import WithJsonSchema

from schemas.stages import MADE_BY_RUN, SKIPPED_BY_SFT, STAGES
from tasks.artefact.stage import Artefact, make_latest
from tasks.errors import ConfigurationError
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest
from tasks.store.store import Store

if TYPE_CHECKING:
    from prefect import Task

P = ParamSpec("P")
R = TypeVar("R")

Until = Annotated[str, WithJsonSchema({"type": "string", "enum": list(MADE_BY_RUN)})]
"""An artefact that a run makes."""

_STARTS = MADE_BY_RUN[:-1]
_ARTEFACT_OF = {stage.verb: stage.artefact for stage in STAGES}
_MADE_SEVERAL_TIMES = ("policies", "evaluations")


class EndOfRun(Exception):
    """The run has the artefact that it was to end with."""


class ExistingArtefacts:
    """Artefacts that a run takes instead of making them. Each is handed out once: later rounds make their own."""

    def __init__(self, artefacts: Iterable[Artefact] = ()) -> None:
        self._by_name = {artefact.stage: artefact for artefact in artefacts}

    def take(self, artefact_name: str) -> Artefact | None:
        """The artefact of that name, the first time that it is asked for."""
        return self._by_name.pop(artefact_name, None)

    def take_imported_profiles(self) -> Artefact | None:
        """Profiles without rollouts: their rewards were imported with the trajectories, so nothing need be sampled."""
        return None if "rollouts" in self._by_name else self.take("profiles")


class Run:
    """The artefacts of one run, in the order in which its flow asks for them."""

    def __init__(self, existing: ExistingArtefacts | None = None, until: str = MADE_BY_RUN[-1]) -> None:
        self.artefacts: list[Artefact] = []
        self._existing = existing or ExistingArtefacts()
        self._until = until

    def make(self, task: Task[P, Artefact], *args: P.args, **kwargs: P.kwargs) -> Artefact:
        """The artefact of a stage: the existing one, or what the stage's task makes of these arguments.

        Raises:
            EndOfRun: it is the artefact to end with.
        """
        artefact = self._existing.take(_ARTEFACT_OF[task.name])
        if artefact is None:
            artefact = wait_for(task, *args, **kwargs)
        return self._append(artefact)

    def imported_profiles(self) -> Artefact | None:
        """As `ExistingArtefacts.take_imported_profiles`.

        Raises:
            EndOfRun: they are the artefact to end with.
        """
        profiles = self._existing.take_imported_profiles()
        return self._append(profiles) if profiles else None

    def _append(self, artefact: Artefact) -> Artefact:
        self.artefacts.append(artefact)
        # Of several policies and evaluations a run ends with the last, which only its flow knows.
        if artefact.stage == self._until and self._until not in _MADE_SEVERAL_TIMES:
            raise EndOfRun
        return artefact


def wait_for(task: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a stage's task to its end.

    Raises:
        PivotRLError: why the stage failed.
    """
    # Such a task returns a Prefect state, so that the UI says Cached or why it failed. `task(...)` would give that
    # state; the future of `submit` gives what is in it, or raises it.
    return task.submit(*args, **kwargs).result()


def check_until(until: str, method: str) -> None:
    """Refuse an end that the run would never come to.

    Raises:
        ConfigurationError: not an artefact, or one that this method of training does without.
    """
    ends = [name for name in MADE_BY_RUN if method == "grpo" or name not in SKIPPED_BY_SFT]
    if until not in ends:
        raise ConfigurationError(f"until {until!r}: with train.method={method} a run makes {', '.join(ends)}")


def existing_artefacts(store: Store, start: str, until: str = MADE_BY_RUN[-1]) -> ExistingArtefacts:
    """What `start` names and its ancestors; none for "". They become the latest of their stages.

    Raises:
        ConfigurationError, NotInStore: as `start_lineage`.
    """
    manifests = start_lineage(store, start, until).values()
    return ExistingArtefacts(make_latest(manifest, store, cached=True, seconds=0.0) for manifest in manifests)


def start_lineage(store: Store, start: str, until: str) -> dict[str, Manifest]:
    """The manifests of what `start` names and of its ancestors, by artefact; none for "".

    Raises:
        ConfigurationError: not an artefact, one that a run does not start from, or one that comes after `until`.
        NotInStore: no such version or tag, or an ancestor is gone.
    """
    if not start:
        return {}
    ref = store.resolve(start)
    if ref.stage not in _STARTS:
        raise ConfigurationError(
            f"start {start!r}: nothing is made from {ref.stage}; a run starts from {', '.join(_STARTS)}"
        )
    if MADE_BY_RUN.index(ref.stage) > MADE_BY_RUN.index(until):
        raise ConfigurationError(f"start {start!r} comes after until {until!r}: the run would make nothing")
    return lineage(store, ref)
