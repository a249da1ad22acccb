"""`pivotrl show`: one artefact, its numbers and its first rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from tasks.errors import ConfigurationError
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

_LONGEST_VALUE = 400
"""Characters of one value that are shown to a person."""


def describe(store: Store, ref: Ref, rows: int, table: str = "") -> dict[str, Any]:
    """What its manifest says, and its first rows; for profiles also the share of states without variance.

    Args:
        rows: how many rows of the table to give.
        table: empty for the one that bears the artefact's name.

    Raises:
        ConfigurationError: it has no such table.
        NotInStore: no such artefact.
    """
    manifest = store.manifest(ref)
    tables = sorted({part.table for part in manifest.parts})
    table = table or manifest.stage
    if table not in tables:
        raise ConfigurationError(f"{ref} has no table {table!r}; its tables are {', '.join(tables)}")
    description: dict[str, Any] = {
        "stage": manifest.stage,
        "version": manifest.version,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "tables": {name: sum(part.rows for part in manifest.table(name)) for name in tables},
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
        description["zero_variance"] = zero_variance(store.read(ref))
    return {**description, "sample": list(_first_rows(store, manifest, table, rows))}


def zero_variance(profiles: pl.DataFrame) -> float:
    """The share of states whose samples all got the same reward: no gradient comes from them."""
    # Imported here: pandera, which schemas of tables import, takes longer than the rest of `pivotrl show`.
    from schemas.profiles import REWARD_TOLERANCE

    return float((profiles["max"] - profiles["min"] <= REWARD_TOLERANCE).mean() or 0.0)  # type: ignore[arg-type]


def _first_rows(store: Store, manifest: Manifest, table: str, rows: int) -> Iterator[dict[str, Any]]:
    missing = rows
    for part in manifest.table(table):
        if missing <= 0:
            return
        head = store.read_part(manifest.ref, part).head(missing)
        missing -= head.height
        yield from head.iter_rows(named=True)


def text(description: dict[str, Any]) -> str:
    """The same for a person: values longer than 400 characters are cut."""
    apart = ("sample", "stage", "version", "by_source")
    plain = {key: value for key, value in description.items() if key not in apart}
    lines = [f"{description['stage']}@{description['version']}"]
    lines += [f"  {key}: {_cut(value)}" for key, value in plain.items() if value not in ({}, None)]
    for uri, counts in description.get("by_source", {}).items():
        lines.append(f"  {uri}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    for number, row in enumerate(description["sample"]):
        lines.append(f"row {number}")
        lines += [f"  {key}: {_cut(value)}" for key, value in row.items()]
    return "\n".join(lines)


def _cut(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text):,} characters)"
