"""The end of a run: the table of stages, the evaluation of base and candidate, and one HTML page with the plots."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.section import Section
from tasks.artefact.stage import Artefact
from tasks.report.improvement import MEASUREMENT_KEY
from tasks.report.plots import pass_rates, profile_map, training_curve
from tasks.store.store import Store

_STAGE_COLUMNS = ("stage", "version", "rows", "bytes", "seconds", "cached", "uri", "reasons")
_REASONS = 3
"""Counts by reason that the table shows of a stage; the others are summed."""
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; background: #fff; } code { font-size: .9em; }
"""


def stage_rows(artefacts: Sequence[Artefact]) -> list[dict[str, Any]]:
    """One row per stage, in the order in which they ran."""
    return [artefact.model_dump(include=set(_STAGE_COLUMNS)) for artefact in artefacts]


def evaluation_rows(store: Store, artefacts: Sequence[Artefact]) -> list[dict[str, Any]]:
    """One row per measurement: the pass rates `base` and `candidate`, their standard errors, and the base's n.

    Empty where the run did not evaluate both policies.
    """
    evaluations = [store.read(a.ref) for a in artefacts if a.stage == "evaluations"]
    if len(evaluations) != 2:
        return []
    of_base, of_candidate = evaluations
    candidates = {tuple(row[k] for k in MEASUREMENT_KEY): row for row in of_candidate.iter_rows(named=True)}
    rows = []
    for base in of_base.iter_rows(named=True):
        candidate = candidates[tuple(base[k] for k in MEASUREMENT_KEY)]
        rows.append(
            {
                **{key: base[key] for key in MEASUREMENT_KEY},
                "n": base["n"],
                "base": base["value"],
                "base_standard_error": base["standard_error"],
                "candidate": candidate["value"],
                "candidate_standard_error": candidate["standard_error"],
            }
        )
    return rows


def _stage_cells(artefacts: Sequence[Artefact]) -> list[tuple[str, ...]]:
    header = ("stage", "rows", "version", "seconds", "cached", "reasons")
    rows = [
        (a.stage, f"{a.rows:,}", a.version, f"{a.seconds:.1f}", "yes" if a.cached else "no", _reasons(a.reasons))
        for a in artefacts
    ]
    return [header, *rows]


def _reasons(counts: Mapping[str, int]) -> str:
    """The largest counts, and the sum of the others."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    largest = [f"{count:,} {reason}" for reason, count in ordered[:_REASONS]]
    rest = ordered[_REASONS:]
    others = [f"{sum(count for _, count in rest):,} for {len(rest)} more reasons"] if rest else []
    return ", ".join([*largest, *others])


def _evaluation_cells(evaluation: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    header = ("evaluation", "scope", "T", "n", "base", "candidate", "change")
    rows = [
        (
            f"{row['suite']} {row['domain']}",
            row["scope"],
            f"{row['temperature']:g}",
            str(row["n"]),
            f"{row['base']:.3f} ± {row['base_standard_error']:.3f}",
            f"{row['candidate']:.3f} ± {row['candidate_standard_error']:.3f}",
            f"{row['candidate'] - row['base']:+.3f}",
        )
        for row in evaluation
    ]
    return [header, *rows]


def aligned(cells: Sequence[tuple[str, ...]]) -> str:
    """A table for a terminal: the first column and one of reasons are aligned to the left, the others to the right."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    left_aligned = {0, *(i for i, name in enumerate(cells[0]) if name == "reasons")}
    return "\n".join(
        "  ".join(
            c.ljust(w) if i in left_aligned else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def text(artefacts: Sequence[Artefact], evaluation: Sequence[dict[str, Any]], report: str) -> str:
    """What a person reads at the end of a run."""
    parts = [aligned(_stage_cells(artefacts))]
    if evaluation:
        parts.append(aligned(_evaluation_cells(evaluation)))
    return "\n\n".join([*parts, f"report: {report}"])


def write_report(store: Store, config: Section, max_mean: float, artefacts: Sequence[Artefact]) -> str:
    """Write the page into the store, named after the last artefact.

    Args:
        config: of the whole run.
        max_mean: `select.max_mean`, a line in the plot of the profiles.

    Returns:
        Where it lies.
    """
    evaluation = evaluation_rows(store, artefacts)
    last = {artefact.stage: artefact.ref for artefact in artefacts}  # of several rounds, the last one's
    sections = ["<h2>Stages</h2>", _html_table(_stage_cells(artefacts))]
    if "profiles" in last:
        figure = profile_map(store.read(last["profiles"]), max_mean)
        sections += ["<h2>Profiles</h2>", _image(figure, "Mean and variance of each state's rewards")]
    if "policies" in last:
        figure = training_curve(store.read(last["policies"]))
        sections += ["<h2>Training</h2>", _image(figure, "Loss or mean reward at each training step")]
    if evaluation:
        sections += ["<h2>Evaluation</h2>", _image(pass_rates(evaluation), "Pass rates of base and candidate")]
        sections.append(_html_table(_evaluation_cells(evaluation)))
    sections += ["<h2>Configuration</h2>", f"<pre><code>{html.escape(config.model_dump_json(indent=2))}</code></pre>"]
    title = f"pivotrl: {artefacts[-1].ref}"
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{''.join(sections)}</html>"
    )
    key = f"_reports/{artefacts[-1].stage}-{artefacts[-1].version}.html"
    store.objects.put(key, page.encode())
    return store.objects.url(key)


def _html_table(cells: Sequence[tuple[str, ...]]) -> str:
    head, *body = cells
    lines = ["<tr>" + "".join(f"<th>{html.escape(c)}</th>" for c in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in body]
    return f"<table>{''.join(lines)}</table>"


def _image(uri: str, alternative: str) -> str:
    return f'<p><img src="{uri}" alt="{html.escape(alternative)}"></p>'
