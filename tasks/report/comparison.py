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
_HEADER = ("measured", "scope", "T", "base")


def comparison(base: pl.DataFrame, candidates: Mapping[str, pl.DataFrame]) -> list[Row]:
    """One row per variant and measurement; of each variant the means over the suites of a scope first.

    `candidate` and `base` are pass rates; `standard_error` is that of `difference`.

    Args:
        base: the base policy's `evaluations`.
        candidates: each trained policy's, by the name of its variant.
    """
    rows = []
    for variant, candidate in candidates.items():
        measured = improvements(candidate, base)
        means = [mean for scope in Scope if (mean := pooled(measured, scope)) is not None]
        rows += [_row(variant, improvement) for improvement in (*means, *measured)]
    return rows


def _row(variant: str, improvement: Improvement) -> Row:
    return {
        "variant": variant,
        "suite": improvement.suite,
        "domain": improvement.domain,
        "scope": improvement.scope,
        "temperature": improvement.temperature,
        "candidate": improvement.candidate,
        "base": improvement.base,
        "difference": improvement.difference,
        "standard_error": improvement.standard_error,
    }


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A header, and one line per measurement: the base's pass rate, and each variant's difference from it."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    by_measurement: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        temperature = "" if row["temperature"] is None else f"{row['temperature']:g}"
        base = f"{row['base']:.3f}"  # the same for every variant
        measurement = (f"{row['suite']} {row['domain']}".strip(), row["scope"], temperature, base)
        by_measurement.setdefault(measurement, {})[row["variant"]] = row
    lines = [
        (*measurement, *(_difference(by_variant[variant]) for variant in variants))
        for measurement, by_variant in by_measurement.items()
    ]
    return [(*_HEADER, *variants), *lines]


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
    differences = "\n".join(f"- {variant}: {code(changes)}" for variant, changes in settings.items())
    return "\n\n".join(
        [
            "# Comparison",
            "Pass rate of the base policy, and each variant's difference from it with its standard error. A row "
            "`all` is the mean over the suites of its scope, each counting alike.",
            f"![gain in domain against change out of domain, of each variant]({in_domain_against_ood(rows)})",
            table(head, ((code(line[0]), *line[1:]) for line in body)),
            f"## What differs, and nothing else does\n\n{differences}",
        ]
    )


def in_domain_against_ood(rows: Sequence[Row]) -> str:
    """Each variant as a point with its standard errors: gain in domain to the right, change out of domain upwards."""
    means: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["temperature"] is None:  # a mean over suites
            means.setdefault(row["variant"], {})[row["scope"]] = row
    figure = Figure(figsize=(7.0, 4.2))
    axes = figure.subplots()
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.axvline(0, color="gray", linewidth=0.8)
    nothing = {"difference": 0.0, "standard_error": 0.0}
    for variant, by_scope in means.items():
        gain, ood = by_scope.get(Scope.IN_DOMAIN, nothing), by_scope.get(Scope.OOD, nothing)
        axes.errorbar(
            gain["difference"],
            ood["difference"],
            xerr=gain["standard_error"],
            yerr=ood["standard_error"],
            fmt="o",
            capsize=3,
            label=variant,
        )
    axes.set(xlabel="in-domain pass rate, change from base", ylabel="OOD pass rate, change from base")
    axes.legend()
    return data_uri(figure)
