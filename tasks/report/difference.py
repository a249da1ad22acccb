"""`pivotrl diff`: what changed between two versions of one stage.

{"stage": "pivots", "a": "pivots@5be1...", "b": "pivots@90ab...",
 "config": {"max_mean": {"a": 0.9, "b": 0.5}}, "inputs": {}, "counts": {"pivots": {"a": 310, "b": 182}, ...},
 "reasons": {"too_easy": {"a": 12, "b": 140}},
 "rows": {"in_both": 182, "gained": 0, "lost": 128, "gained_was": {}, "lost_is": {"too_easy": 128},
          "gained_examples": [], "lost_examples": [["9f2c...", 3], ...]}}

A side without a value lacks that key. `gained` rows are in B only, `lost` rows in A only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from schemas.columns import STATE_KEY
from tasks.errors import ConfigurationError
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

_EXAMPLES = 20
"""Keys of gained and lost rows that are named."""
_SECTIONS = ("config", "inputs", "counts", "reasons")


def difference(store: Store, a: Ref, b: Ref) -> dict[str, Any]:
    """What differs between A and B; equal values are left out.

    Raises:
        ConfigurationError: they are not of one stage.
        NotInStore: one of them is not there.
    """
    if a.stage != b.stage:
        raise ConfigurationError(f"{a} and {b} are of different stages; compare two versions of one")
    first, second = store.manifest(a), store.manifest(b)
    sections: dict[str, Any] = {
        "stage": a.stage,
        "a": str(a),
        "b": str(b),
        "config": changed(flat(first.config), flat(second.config)),
        "inputs": changed(first.inputs, second.inputs),
        "counts": changed(_counts(first), _counts(second)),
        "reasons": changed(first.reasons, second.reasons),
    }
    rows = _rows(store, first, second)
    return sections | ({"rows": rows} if rows else {})


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key; a list is one value."""
    by_key: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            by_key |= flat(value, f"{prefix}{key}.")
        else:
            by_key[f"{prefix}{key}"] = value
    return by_key


def changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Both values of each key whose values differ, in the order of A and then of B."""
    sides = {key: {side: values[key] for side, values in (("a", a), ("b", b)) if key in values} for key in {**a, **b}}
    return {key: pair for key, pair in sides.items() if len(pair) < 2 or pair["a"] != pair["b"]}


def _counts(manifest: Manifest) -> dict[str, int]:
    tables = sorted({part.table for part in manifest.parts})
    return {table: sum(part.rows for part in manifest.table(table)) for table in tables}


def _rows(store: Store, a: Manifest, b: Manifest) -> dict[str, Any]:
    """The states (or trajectories) gained and lost; empty for a stage whose rows are neither."""
    a_keys, b_keys = _keys(store, a, a.stage), _keys(store, b, b.stage)
    if a_keys is None or b_keys is None:
        return {}
    columns = a_keys.columns
    gained, lost = b_keys.join(a_keys, on=columns, how="anti"), a_keys.join(b_keys, on=columns, how="anti")
    rows: dict[str, Any] = {
        "in_both": b_keys.height - gained.height,
        "gained": gained.height,
        "lost": lost.height,
        "gained_examples": [list(row) for row in gained.sort(columns).head(_EXAMPLES).rows()],
        "lost_examples": [list(row) for row in lost.sort(columns).head(_EXAMPLES).rows()],
    }
    if a.stage == "pivots":
        rows["gained_was"] = _reasons(store, a, gained)
        rows["lost_is"] = _reasons(store, b, lost)
    return rows


def _keys(store: Store, manifest: Manifest, table: str) -> pl.DataFrame | None:
    """The distinct keys of a table, one part in memory at a time; None for a table without key columns."""
    keys = []
    for _, part in store.parts(manifest.ref, table):
        columns = [name for name in STATE_KEY if name in part.columns]
        if not columns:
            return None
        keys.append(part.select(columns).unique())
    return pl.concat(keys).unique() if keys else None


def _reasons(store: Store, manifest: Manifest, keys: pl.DataFrame) -> dict[str, int]:
    """Why that version did not select these states; those that it never profiled are "not_profiled"."""
    unselected = store.read(manifest.ref, "unselected").select(*STATE_KEY, "reason")
    reasons = keys.join(unselected, on=STATE_KEY, how="left")["reason"].fill_null("not_profiled")
    return dict(sorted(Counter(reasons.to_list()).items()))


def text(difference: Mapping[str, Any]) -> str:
    """The same for a person."""
    lines = [f"a  {difference['a']}", f"b  {difference['b']}"]
    for section in _SECTIONS:
        if difference[section]:
            lines.append(section)
            lines += [f"  {key}: {_side(pair, 'a')} -> {_side(pair, 'b')}" for key, pair in difference[section].items()]
    rows = difference.get("rows")
    if rows:
        lines.append(f"rows\n  {rows['in_both']:,} in both, {rows['gained']:,} gained, {rows['lost']:,} lost")
        for name, of in (("gained_was", "gained, by what a said"), ("lost_is", "lost, by what b says")):
            if rows.get(name):
                lines.append(f"  {of}: " + ", ".join(f"{count:,} {reason}" for reason, count in rows[name].items()))
        for name, sign in (("gained_examples", "+"), ("lost_examples", "-")):
            lines += [f"  {sign} {' '.join(str(part) for part in key)}" for key in rows[name]]
    nothing = not rows or not (rows["gained"] or rows["lost"])
    if nothing and not any(difference[section] for section in _SECTIONS):
        lines.append("no difference")
    return "\n".join(lines)


def _side(pair: Mapping[str, Any], side: str) -> str:
    return f"{pair[side]}" if side in pair else "(none)"
