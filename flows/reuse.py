"""Where a run begins and ends: an artefact and, by its lineage, everything that it was made from; and the last to
make."""

from __future__ import annotations

from typing import Annotated

from pydantic import WithJsonSchema

from schemas.stages import MADE_BY_RUN, SKIPPED_BY_SFT
from tasks.artefact.stage import Artefact, make_latest
from tasks.errors import ConfigurationError
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest
from tasks.store.store import Store

Until = Annotated[str, WithJsonSchema({"type": "string", "enum": list(MADE_BY_RUN)})]
"""An artefact that a run makes."""
_STARTS = MADE_BY_RUN[:-1]


def check_until(until: str, method: str) -> None:
    """Refuse an end that the run would never come to.

    Raises:
        ConfigurationError: not a stage, or one that this method of training does not have.
    """
    made = [stage for stage in MADE_BY_RUN if method == "grpo" or stage not in SKIPPED_BY_SFT]
    if until not in made:
        raise ConfigurationError(f"until {until!r}: with train.method={method} a run makes {', '.join(made)}")


class Given(dict[str, Artefact]):
    """Artefacts that exist already, by stage. Each is handed out once: later rounds make their own."""

    @property
    def profiled(self) -> bool:
        """Whether it holds profiles without rollouts: imported ones, which need no sampling."""
        return "profiles" in self and "rollouts" not in self

    def pop(self, stage: str) -> Artefact | None:  # type: ignore[override]
        """The artefact to use for that stage instead of running it, if there is one."""
        return super().pop(stage, None)


def given(store: Store, start: str, until: str = "evaluations") -> Given:
    """What `start` names and its ancestors; nothing for "".

    Raises:
        ConfigurationError, NotInStore: as `made_from`.
    """
    found = made_from(store, start, until)
    return Given({stage: make_latest(manifest, store, cached=True, seconds=0.0) for stage, manifest in found.items()})


def made_from(store: Store, start: str, until: str) -> dict[str, Manifest]:
    """The manifests of what `start` names and of its ancestors, by stage; none for "".

    Raises:
        ConfigurationError: not a stage, one that a run does not start from, or one that comes after `until`.
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
