"""`pivotrl ls`: the artefacts of a store."""

from __future__ import annotations

from typing import Any

from schemas.stages import ARTEFACTS
from tasks.store.store import Store


def listing(store: Store, stage: str | None) -> list[dict[str, Any]]:
    """One row per artefact, oldest first within its stage."""
    tags = {name: store.tags(name) for name in ((stage,) if stage else ARTEFACTS)}
    return [
        {
            "stage": manifest.stage,
            "version": manifest.version,
            "tags": sorted(tag for tag, version in tags[manifest.stage].items() if version == manifest.version),
            "rows": manifest.rows,
            "bytes": manifest.bytes,
            "seconds": manifest.seconds,
            "created_at": manifest.created_at,
            "inputs": manifest.inputs,
            "uri": store.objects.url(f"{manifest.stage}/{manifest.version}"),
        }
        for manifest in store.artefacts(stage)
    ]


def text(rows: list[dict[str, Any]]) -> str:
    """The same for a person."""
    if not rows:
        return "no artefacts; `pivotrl run desk` makes the first"
    lines = [f"{'artefact':<31} {'rows':>8} {'KB':>8} {'seconds':>8}  {'made (UTC)':<19}  tags"]
    for row in rows:
        name = f"{row['stage']}@{row['version']}"
        kilobytes, time = row["bytes"] / 1024, row["created_at"][:19].replace("T", " ")
        numbers = f"{row['rows']:>8,} {kilobytes:>8,.0f} {row['seconds']:>8,.1f}"
        lines.append(f"{name:<31} {numbers}  {time:<19}  {', '.join(row['tags'])}".rstrip())
    return "\n".join(lines)
