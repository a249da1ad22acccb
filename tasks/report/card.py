"""A stage card: what an artefact holds, why rows are missing, what it looks like, where it came from and how to load
it. Markdown, for Prefect's UI.

Plots and sampled rows are kept in the store, under _cards/, so that the card of a cached stage costs one read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tasks.errors import StoreError
from tasks.report import card_rows, decision
from tasks.report.browser_page import browse
from tasks.report.markdown import code, table
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_LOOKS = 1
"""Goes up when plots or rows are drawn in another way: what was kept is then drawn again."""


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
        decision.section(store, manifest) if manifest.stage == "decisions" else "",
        browse(store, manifest) if manifest.stage == "pivots" else "",
        _kept(store, manifest),
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
    """Whether the verifier held on the data that it scored; nothing for the other stages."""
    if not check:
        return ""
    examples = [f"- {code(text, 300)}" for text in (*check["gold_examples"], *check["junk_examples"])]
    rows = [
        ("demonstrations that score 1", f"{check['gold'] - check['gold_failed']:,} of {check['gold']:,}"),
        ("junk controls that get a reward", f"{check['junk_passed']:,} of {check['junk']:,}"),
        *((f"junk: {name}", number) for name, number in check["passed_by_control"].items()),
    ]
    return "\n".join(["## Does the verifier hold?\n", table(("check", "result"), rows), "", *examples]).rstrip()


def _kept(store: Store, manifest: Manifest) -> str:
    """Plots and rows, from the store where they were drawn before, and drawn again where it cannot keep them."""
    key = f"_cards/{manifest.stage}/{manifest.version}/{manifest.digest}-{_LOOKS}.md"
    try:
        return store.objects.get(key).decode()
    except (FileNotFoundError, StoreError):
        drawn = _drawn(store, manifest)
        with suppress(StoreError):
            store.objects.put(key, drawn.encode())
        return drawn


def _drawn(store: Store, manifest: Manifest) -> str:
    # Imported here: matplotlib takes the better part of a second, and a cached stage needs none of it.
    from tasks.report.card_plots import plots

    images = [f"![{text}]({uri})" for text, uri in plots(store, manifest).items()]
    rows = card_rows.sampled(store, manifest)
    return "\n\n".join([*images, *([f"## Rows to read\n\n{rows}"] if rows else [])])


def _load(store: Store, manifest: Manifest) -> str:
    pattern = store.objects.url(f"{manifest.stage}/{manifest.version}/{manifest.stage}-*.parquet")
    return f"{manifest.stage} = pl.read_parquet({pattern!r})"
