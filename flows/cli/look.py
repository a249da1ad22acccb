"""Commands that look at a store: ls, show, diff, report."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import AsJSON, StoreURL, answer, count, open_store, output_path
from schemas.stages import ARTEFACTS, HOLDERS


def ls(
    stage: Annotated[str | None, Parameter(choices=ARTEFACTS)] = None,
    /,
    *,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """List artefacts."""
    from tasks.report.listing import listing, text

    answer({"artefacts": listing(open_store(store), stage)}, lambda result: text(result["artefacts"]), as_json=as_json)


def show(
    artefact: Annotated[str, Parameter(help="STAGE[@VERSION|TAG]")],
    /,
    *,
    rows: Annotated[int, Parameter(name="-n", metavar="N", converter=count, help="rows to show (default 5)")] = 5,
    table: Annotated[str, Parameter(metavar="TABLE", help=f"another of its tables: {', '.join(sorted(HOLDERS))}")] = "",
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Show an artefact and some of its rows."""
    from tasks.report.description import describe, text

    opened = open_store(store)
    answer(describe(opened, opened.resolve(artefact), rows, table), text, as_json=as_json)


def diff(
    a: Annotated[str, Parameter(help="STAGE@VERSION|TAG")],
    b: Annotated[str, Parameter(help="STAGE@VERSION|TAG")],
    /,
    *,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """What changed between two versions of a stage."""
    from tasks.report.difference import difference, text

    opened = open_store(store)
    answer(difference(opened, opened.resolve(a), opened.resolve(b)), text, as_json=as_json)


def report(
    artefact: Annotated[str, Parameter(help="pivots[@VERSION|TAG] (default pivots)")] = "pivots",
    /,
    *,
    output: Annotated[str, Parameter(metavar="FILE.html", help="(default pivots-VERSION.html)")] = "",
    detail: Annotated[int, Parameter(metavar="N", converter=count, help="states to show whole (default 2000)")] = 2000,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Write the pivot browser, one HTML file."""
    from tasks.report.browser import text, write

    opened = open_store(store)
    ref = opened.resolve(artefact)
    path = output_path(output or f"{ref.stage}-{ref.version}.html")
    answer(write(opened, ref, path, detail), text, as_json=as_json)
