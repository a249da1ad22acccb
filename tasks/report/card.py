"""The card of an artefact: what it holds, why rows are missing, what it looks like, what it was made from and how to
load it. Markdown, for Prefect's UI.

Drawing takes seconds and showing a cached stage must not: what is drawn from the rows is kept in the store, under
_cards/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tasks.errors import StoreError
from tasks.report.browser_link import browser_section
from tasks.report.markdown import code, literal, table
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_DRAWING_VERSION = 1
"""Goes up when plots or rows are drawn in another way: kept drawings are then not used."""
_ROWS = 5
_NARROW = 26
"""Characters of a value that fit into a cell of the table of rows."""
_NUMBERS = 6
"""Numbers of a list that are shown."""
_DECISION_HEADER = ("suite", "domain", "scope", "T", "n", "candidate", "base", "difference", "bound", "holds")
_HOW_IT_IS_DECIDED = (
    "A row `all` decides; it is the mean over the suites of its scope, each counting alike, greedy and sampled actions "
    "averaged. In domain the difference must be above its bound, OOD not below it. Cases that the "
    "verifier decided for one of the two alone count against the candidate in the rows `all`."
)


def card(store: Store, manifest: Manifest) -> str:
    """The card of an artefact."""
    tables = sorted({part.table for part in manifest.parts})
    counts = [(name, sum(part.rows for part in manifest.table(name))) for name in tables]
    sections = [
        f"# {manifest.ref}",
        table(("table", "rows"), counts),
        _reasons(manifest),
        _self_check(manifest.summary.get("self_check")),
        code(manifest.summary.get("profiled_by", "")),
        _decision(store, manifest) if manifest.stage == "decisions" else "",
        browser_section(store, manifest) if manifest.stage == "pivots" else "",
        _plots_and_rows(store, manifest),
        "## Made from\n\n" + table(("input", "version"), ((name, code(of)) for name, of in manifest.inputs.items())),
        f"## Configuration\n\n```json\n{json.dumps(manifest.config, indent=2, ensure_ascii=False)}\n```",
        f"## Load it\n\n```python\nimport polars as pl\n{_load(store, manifest)}\n```",
    ]
    return "\n\n".join(section for section in sections if section)


def _reasons(manifest: Manifest) -> str:
    rows = sorted(manifest.reasons.items(), key=lambda item: (-item[1], item[0]))
    title = "Verdicts" if manifest.stage == "scores" else "Counts by reason"
    refusal = f"\n\nThe first refusal: {code(manifest.summary['refusal'])}" if "refusal" in manifest.summary else ""
    return f"## {title}\n\n{table(('reason', 'rows'), rows)}{refusal}" if rows else ""


def _self_check(check: Mapping[str, Any] | None) -> str:
    """Whether the format and the verifier hold on the data; empty for the other stages."""
    if not check:
        return ""
    examples = [f"- {code(text, 300)}" for text in (*check["gold_examples"], *check["junk_examples"])]
    rows = [
        ("format of completions", code(check["parser"])),
        ("demonstrations that come back", f"{check['gold'] - check['gold_failed']:,} of {check['gold']:,}"),
        *((f"demonstration: {reason}", number) for reason, number in check["failed_by_reason"].items()),
        *((f"states with {part}, which the template does not show", n) for part, n in check["hidden"].items()),
        ("junk controls that get a reward", f"{check['junk_passed']:,} of {check['junk']:,}"),
        *((f"junk: {name}", number) for name, number in check["passed_by_control"].items()),
    ]
    if check["empty_thoughts"]:
        rows.append(("demonstrations written with an empty thought", f"{check['empty_thoughts']:,}"))
    return "\n".join(
        ["## Do the format and the verifier hold?\n", table(("check", "result"), rows), "", *examples]
    ).rstrip()


def _decision(store: Store, manifest: Manifest) -> str:
    """The outcome in a sentence, and a table: first the rows that decide, then every measurement that they pool."""
    rows = table(_DECISION_HEADER, map(_decision_cells, store.read(manifest.ref).iter_rows(named=True)))
    return "\n\n".join(["## Decision", f"{manifest.summary['sentence']}.", rows, _HOW_IT_IS_DECIDED])


def _decision_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    n, base_n = row["n"], row["base_n"]
    return (
        row["suite"],
        code(row["domain"]),
        row["scope"],
        "" if row["temperature"] is None else f"{row['temperature']:g}",
        "" if n is None else f"{n}" if n == base_n else f"{n}, base {base_n}",
        f"{row['candidate']:.3f}",
        f"{row['base']:.3f}",
        f"{row['difference']:+.3f} ± {row['standard_error']:.3f}",
        "" if row["bound"] is None else f"{row['bound']:+.3f}",
        {None: "", True: "yes", False: "no"}[row["holds"]],
    )


def _plots_and_rows(store: Store, manifest: Manifest) -> str:
    """Plots and rows, from the store where they were drawn before."""
    # The digest, because a version that was deleted and sampled again has other rows.
    key = f"_cards/{manifest.stage}/{manifest.version}/{manifest.digest}-{_DRAWING_VERSION}.md"
    try:
        return store.objects.get(key).decode()
    except (FileNotFoundError, StoreError):
        drawing = _draw_plots_and_rows(store, manifest)
        with suppress(StoreError):  # a store that cannot keep it, a read-only one say, still has a card
            store.objects.put(key, drawing.encode())
        return drawing


def _draw_plots_and_rows(store: Store, manifest: Manifest) -> str:
    # Imported here: matplotlib takes the better part of a second, and a cached stage needs none of it.
    from tasks.report.card_plots import plots

    images = [f"![{text}]({uri})" for text, uri in plots(store, manifest).items()]
    rows = _rows_to_read(store, manifest)
    return "\n\n".join([*images, *([f"## Rows to read\n\n{rows}"] if rows else [])])


def _rows_to_read(store: Store, manifest: Manifest) -> str:
    """Five rows, spread over the whole table and the same ones every time; empty for an artefact without rows.

    A table with a column per row; below it, as lists, the values that are too long for a cell, because Prefect's UI
    does not wrap cells.
    """
    places = sorted({(2 * i + 1) * manifest.rows // (2 * _ROWS) for i in range(_ROWS) if manifest.rows})
    rows = _rows_at(store, manifest, places)
    if not rows:
        return ""
    columns = {name: [_short(name, row[name]) for row in rows] for name in rows[0]}
    header = [f"row {place:,}" for place in places]
    narrow = {name: values for name, values in columns.items() if max(map(len, values)) <= _NARROW}
    sections = [table(("column", *header), ((name, *values) for name, values in narrow.items()))]
    for name in (name for name in columns if name not in narrow):
        lines = [f"- {place}: {value}" for place, value in zip(header, columns[name], strict=True) if value]
        sections.append("\n".join([f"**{name}**\n", *lines]))
    return "\n\n".join(sections)


def _rows_at(store: Store, manifest: Manifest, places: Sequence[int]) -> list[dict[str, Any]]:
    """The rows at these places of the whole table; parts without one are not read."""
    rows: list[dict[str, Any]] = []
    first = 0
    for part in manifest.table(manifest.stage):
        in_part = [place - first for place in places if first <= place < first + part.rows]
        first += part.rows
        if in_part:
            frame = store.read_part(manifest.ref, part)
            rows += [frame.row(place, named=True) for place in in_part]
    return rows


def _short(name: str, value: Any) -> str:
    if name == "messages":
        return literal(_conversation(value))
    if isinstance(value, list) and value and isinstance(value[0], int | float):
        shown = value[:_NUMBERS]
        numbers = ", ".join(f"{number:.4g}" if isinstance(number, float) else str(number) for number in shown)
        return literal(f"[{numbers}{', ...' if len(value) > _NUMBERS else ''}] ({len(value):,})")
    return literal(value)


def _conversation(messages: Sequence[Mapping[str, Any]]) -> str:
    """The number of messages, the user's first one and the last one."""
    question = next((message for message in messages if message["role"] == "user"), messages[0])
    ends = [f"{message['role']}: {message['content'][:120]}" for message in (question, messages[-1])]
    return f"{len(messages)} messages. {' ... '.join(ends)}"


def _load(store: Store, manifest: Manifest) -> str:
    pattern = store.objects.url(f"{manifest.stage}/{manifest.version}/{manifest.stage}-*.parquet")
    return f"{manifest.stage} = pl.read_parquet({pattern!r})"
