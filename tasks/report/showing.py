"""`pivotrl show`: one artefact, its numbers and its first rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from tasks.errors import ConfigurationError
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

_CELL = 400
"""Characters of one value that are shown to a person."""


def shown(store: Store, ref: Ref, rows: int, table: str = "") -> dict[str, Any]:
    """What there is to know of an artefact; for trajectories `by_source`, for profiles the share without variance.

    Args:
        rows: of the table, to show.
        table: another of its tables than the one that bears its name.

    Raises:
        ConfigurationError: it has no such table.
        NotInStore: no such artefact.
    """
    manifest = store.manifest(ref)
    tables = sorted({part.table for part in manifest.parts})
    table = table or manifest.stage
    if table not in tables:
        raise ConfigurationError(f"{ref} has no table {table!r}; its tables are {', '.join(tables)}")
    found: dict[str, Any] = {
        "stage": manifest.stage,
        "version": manifest.version,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "tables": {table: sum(part.rows for part in manifest.table(table)) for table in tables},
        "reasons": manifest.reasons,
        "inputs": manifest.inputs,
        "config": manifest.config,
        "uri": store.objects.url(f"{ref.stage}/{ref.version}"),
        "parts": store.urls(ref, table),
        "seconds": manifest.seconds,
        "created_at": manifest.created_at,
        "environment": manifest.environment,
        **manifest.summary,
    }
    if manifest.stage == "profiles":
        found["zero_variance"] = zero_variance(store.read(ref))
    return {**found, "sample": list(_first(store, manifest, table, rows))}


def zero_variance(profiles: pl.DataFrame) -> float:
    """The share of states whose samples all got the same reward: no gradient comes from them."""
    # Imported here: pandera, which schemas of tables import, takes longer than the rest of `pivotrl show`.
    from schemas.profiles import REWARD_TOLERANCE

    return float((profiles["max"] - profiles["min"] <= REWARD_TOLERANCE).mean() or 0.0)  # type: ignore[arg-type]


def _first(store: Store, manifest: Manifest, table: str, rows: int) -> Iterator[dict[str, Any]]:
    left = rows
    for part in manifest.table(table):
        if left <= 0:
            return
        head = store.read_part(manifest.ref, part).head(left)
        left -= head.height
        yield from head.iter_rows(named=True)


def text(found: dict[str, Any]) -> str:
    """The same for a person: values longer than 400 characters are cut."""
    plain = {key: value for key, value in found.items() if key not in ("sample", "stage", "version", "by_source")}
    lines = [f"{found['stage']}@{found['version']}"]
    lines += [f"  {key}: {_cut(value)}" for key, value in plain.items() if value not in ({}, None)]
    for uri, counts in found.get("by_source", {}).items():
        lines.append(f"  {uri}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    for number, row in enumerate(found["sample"]):
        lines.append(f"row {number}")
        lines += [f"  {key}: {_cut(value)}" for key, value in row.items()]
    return "\n".join(lines)


def _cut(value: object) -> str:
    shown_value = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shown_value if len(shown_value) <= _CELL else f"{shown_value[:_CELL]}... ({len(shown_value):,} characters)"
