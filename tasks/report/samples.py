"""What was sampled at a state, for a person: equal samples together, the best reward first.

[{"count": 5, "reward": 1.0, "reason": "equivalent", "detail": "", "action": {"content": "", "calls": [...]}},
 {"count": 3, "reward": 0.0, "reason": "parse_failure", "detail": "...", "text": "<tool_call>{..."}]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from schemas.columns import SAMPLE_KEY, STATE_KEY
from tasks.states.example import StateKey
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_LONGEST_TEXT = 4_000
"""Characters of a completion that did not parse."""


def samples_of(
    store: Store, made_from: Mapping[str, Manifest], index: int, wanted: set[StateKey]
) -> dict[StateKey, list[dict[str, Any]]]:
    """The samples of these states of one part; none where the profiles were recorded elsewhere."""
    if not wanted or not {"scores", "rollouts"} <= made_from.keys():
        return {}
    keys = pl.DataFrame(sorted(wanted), schema={"trajectory_id": pl.String, "turn_index": pl.Int32}, orient="row")
    scores = _part(store, made_from["scores"], index).join(keys, on=STATE_KEY, how="semi")
    texts = _part(store, made_from["rollouts"], index).select(*SAMPLE_KEY, "text")
    unparsed = pl.when(pl.col("action") == "").then(pl.col("text").str.slice(0, _LONGEST_TEXT)).otherwise(pl.lit(""))
    verdict = ["reward", "reason", "detail", "action", "unparsed"]
    grouped = (
        scores.join(texts, on=SAMPLE_KEY, how="left")
        .with_columns(unparsed=unparsed)
        .group_by(*STATE_KEY, *verdict, maintain_order=True)
        .len("count")
        .sort("reward", "count", descending=True, nulls_last=True, maintain_order=True)
    )
    found: dict[StateKey, list[dict[str, Any]]] = {}
    for row in grouped.iter_rows(named=True):
        said = {"action": json.loads(row["action"])} if row["action"] else {"text": row["unparsed"] or ""}
        shown = {name: row[name] for name in ("count", "reward", "reason", "detail")}
        found.setdefault(StateKey(row["trajectory_id"], row["turn_index"]), []).append({**shown, **said})
    return found


def _part(store: Store, manifest: Manifest, index: int) -> pl.DataFrame:
    part = next(part for part in manifest.table(manifest.stage) if part.index == index)
    return store.read_part(manifest.ref, part)
