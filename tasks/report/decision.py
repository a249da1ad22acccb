"""The section of a decision's card: the outcome, what decided, and every measurement that it pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.report.markdown import code, table
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_HEADER = ("suite", "domain", "scope", "T", "n", "candidate", "baseline", "difference", "bound", "holds")


def section(store: Store, manifest: Manifest) -> str:
    """The decision in Markdown: a sentence, and a table whose first rows decide."""
    rows = table(_HEADER, map(_cells, store.read(manifest.ref).iter_rows(named=True)))
    return "\n\n".join(["## Decision", f"{manifest.summary['sentence']}.", rows, _HOW])


_HOW = (
    "A row `all` decides; it is the mean over the suites of its scope, each counting alike, greedy and sampled actions "
    "averaged. In domain the difference must be above its bound, OOD not below it. Cases that the "
    "verifier decided for one of the two alone count against the candidate in the rows `all`."
)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["suite"],
        code(row["domain"]),
        row["scope"],
        "" if row["temperature"] is None else f"{row['temperature']:g}",
        _cases(row["n"], row["baseline_n"]),
        f"{row['candidate']:.3f}",
        f"{row['baseline']:.3f}",
        f"{row['difference']:+.3f} ± {row['standard_error']:.3f}",
        "" if row["bound"] is None else f"{row['bound']:+.3f}",
        {None: "", True: "yes", False: "no"}[row["holds"]],
    )


def _cases(n: int | None, baseline_n: int | None) -> str:
    if n is None:
        return ""
    return f"{n}" if n == baseline_n else f"{n}, baseline {baseline_n}"
