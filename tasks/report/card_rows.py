"""Five rows of an artefact to read: spread over the whole table, the same ones every time, long texts cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.report.markdown import literal, table
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_ROWS = 5
_NARROW = 26
"""Characters of a value in the table."""
_FLOATS = 6
"""Numbers of a list that are shown."""


def sampled(store: Store, manifest: Manifest) -> str:
    """A table with a column for each of the rows, and below it what is too long for a cell: Prefect's UI wraps none.

    Empty for an artefact without rows.
    """
    places = sorted({(2 * i + 1) * manifest.rows // (2 * _ROWS) for i in range(_ROWS) if manifest.rows})
    rows = _at(store, manifest, places)
    if not rows:
        return ""
    columns = {name: [_short(name, row[name]) for row in rows] for name in rows[0]}
    header = [f"row {place:,}" for place in places]
    narrow = {name: values for name, values in columns.items() if max(map(len, values)) <= _NARROW}
    sections = [table(("column", *header), ((name, *values) for name, values in narrow.items()))]
    for name in (name for name in columns if name not in narrow):
        said = [f"- {place}: {value}" for place, value in zip(header, columns[name], strict=True) if value]
        sections.append("\n".join([f"**{name}**\n", *said]))
    return "\n\n".join(sections)


def _at(store: Store, manifest: Manifest, places: Sequence[int]) -> list[dict[str, Any]]:
    """The rows at these places of the whole table; parts without one are not read."""
    found, first = [], 0
    for part in manifest.table(manifest.stage):
        wanted = [place - first for place in places if first <= place < first + part.rows]
        first += part.rows
        if wanted:
            frame = store.read_part(manifest.ref, part)
            found += [frame.row(place, named=True) for place in wanted]
    return found


def _short(name: str, value: Any) -> str:
    if name == "messages":
        return literal(_conversation(value))
    if isinstance(value, list) and value and isinstance(value[0], int | float):
        numbers = ", ".join(f"{number:.4g}" if isinstance(number, float) else str(number) for number in value[:_FLOATS])
        return literal(f"[{numbers}{', ...' if len(value) > _FLOATS else ''}] ({len(value):,})")
    return literal(value)


def _conversation(messages: Sequence[Mapping[str, Any]]) -> str:
    """The number of messages, the first of the user and the last."""
    asked = next((message for message in messages if message["role"] == "user"), messages[0])
    said = [f"{message['role']}: {message['content'][:120]}" for message in (asked, messages[-1])]
    return f"{len(messages)} messages. {' ... '.join(said)}"
