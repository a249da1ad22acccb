"""What several ways of training gained over the base policy: one table, and in-domain against OOD as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from schemas.evaluations import Scope
from tasks.report.improvement import Improvement, improvements, pooled
from tasks.report.markdown import code, table
from tasks.report.plots import data_uri
from tasks.report.run import aligned

Row = dict[str, Any]
BASE = "base"
_HEADER = ("measured", "scope", "T")


def compared(base: pl.DataFrame, variants: Mapping[str, pl.DataFrame]) -> list[Row]:
    """One row a variant and measurement, the pooled scopes first.

    `value` is the variant's pass rate, `base` the base policy's, `standard_error` that of `difference`.

    Args:
        base: the base policy's `evaluations`.
        variants: each trained policy's, by the name of its variant.
    """
    found = []
    for name, measured in variants.items():
        single = improvements(measured, base)
        means = [mean for scope in Scope if (mean := pooled(single, scope)) is not None]
        found += [_row(name, one) for one in (*means, *single)]
    return found


def _row(variant: str, one: Improvement) -> Row:
    return {
        "variant": variant,
        "suite": one.suite,
        "domain": one.domain,
        "scope": one.scope,
        "temperature": one.temperature,
        "value": one.candidate,
        "base": one.baseline,
        "difference": one.difference,
        "standard_error": one.standard_error,
    }


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A header and a line a measurement: the base's pass rate, and each variant's difference from it."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    lines: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        temperature = "" if row["temperature"] is None else f"{row['temperature']:g}"
        lines.setdefault((f"{row['suite']} {row['domain']}".strip(), row["scope"], temperature), {})[row["variant"]] = (
            row
        )
    return [
        (*_HEADER, BASE, *variants),
        *(
            (*key, f"{next(iter(by.values()))['base']:.3f}", *(_difference(by[name]) for name in variants))
            for key, by in lines.items()
        ),
    ]


def _difference(row: Row) -> str:
    return f"{row['difference']:+.3f} ± {row['standard_error']:.3f}"


def text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    return aligned(cells(rows))


def card(rows: Sequence[Row], settings: Mapping[str, str]) -> str:
    """The comparison in Markdown, for Prefect's UI.

    Args:
        settings: what differs from the configuration, by variant.
    """
    head, *body = cells(rows)
    differs = "\n".join(f"- {name}: {code(changes)}" for name, changes in settings.items())
    return "\n\n".join(
        [
            "# Comparison",
            "Pass rate of the base policy, and each variant's difference from it with its standard error. A row "
            "`all` is the mean over the suites of its scope, each counting alike.",
            f"![gain in domain against change out of domain, of each variant]({in_domain_against_ood(rows)})",
            table(head, ((code(line[0]), *line[1:]) for line in body)),
            f"## What differs, and nothing else does\n\n{differs}",
        ]
    )


def in_domain_against_ood(rows: Sequence[Row]) -> str:
    """Each variant as a point with its standard errors: gain in domain to the right, change out of domain upwards."""
    means: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["temperature"] is None:
            means.setdefault(row["variant"], {})[row["scope"]] = row
    figure = Figure(figsize=(7.0, 4.2))
    axes = figure.subplots()
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.axvline(0, color="gray", linewidth=0.8)
    nothing = {"difference": 0.0, "standard_error": 0.0}
    for name, by in means.items():
        gain, ood = by.get(Scope.IN_DOMAIN, nothing), by.get(Scope.OOD, nothing)
        axes.errorbar(
            gain["difference"],
            ood["difference"],
            xerr=gain["standard_error"],
            yerr=ood["standard_error"],
            fmt="o",
            capsize=3,
            label=name,
        )
    axes.set(xlabel="in-domain pass rate, change from base", ylabel="OOD pass rate, change from base")
    axes.legend()
    return data_uri(figure)
