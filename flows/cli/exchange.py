"""Commands that exchange pivots with other software: export, import."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import AsJSON, StoreURL, answer, open_store, output_path
from schemas.exports import ExportFormat


def export(
    artefact: Annotated[str, Parameter(help="pivots[@VERSION|TAG]")],
    /,
    *,
    format_name: Annotated[ExportFormat, Parameter(name="--format")],
    output: Annotated[str, Parameter(metavar="FILE.jsonl|FILE.parquet")],
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Write pivots for other software."""
    from tasks.exchange.export import export, text

    opened, path = open_store(store), output_path(output)
    answer(export(opened, opened.resolve(artefact), format_name, path), text, as_json=as_json)


def import_(
    source: Annotated[str, Parameter(help="a file, folder, glob or fsspec URL")],
    /,
    *,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Take NeMo Gym pivot rows or rollouts, with what was measured."""
    from flows.cli.import_rows import import_rows, rows_config, text
    from flows.settings.checks import check_source

    opened = open_store(store)
    check_source(rows_config(source))
    artefacts = list(import_rows(source, opened))
    result = {"stages": [artefact.model_dump() for artefact in artefacts]}
    answer(result, lambda _: text(artefacts), as_json=as_json)
