"""`pivotrl export`: pivots in a file that other software trains on, written part by part.

To add a format: a file here with a function from a `Pivot` to a row, a line in FORMATS, and its name in the `Literal`
of schemas/exports.py. `pivotrl export --format` then knows it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl

from schemas.exports import ExportFormat
from tasks.errors import ConfigurationError, InputError, StoreError
from tasks.exchange import chat_rows, nemo_gym
from tasks.exchange.pivots import Pivot, parts
from tasks.store.manifest import Ref
from tasks.store.store import Store


class Format(NamedTuple):
    """How a pivot becomes a row, and the columns of Parquet. Without columns, rows are written as JSON lines only."""

    row: Callable[[Pivot], dict[str, Any]]
    columns: chat_rows.Columns | None


FORMATS: Mapping[ExportFormat, Format] = {
    "nemo-gym": Format(nemo_gym.row, None),
    "openai": Format(chat_rows.openai_row, chat_rows.OPENAI),
    "trl": Format(chat_rows.trl_row, chat_rows.TRL),
    "verl": Format(chat_rows.verl_row, chat_rows.VERL),
}


def export(store: Store, ref: Ref, format_name: ExportFormat, output: Path) -> dict[str, Any]:
    """Write every pivot. The file appears whole or not at all.

    Returns:
        {"artefact", "format", "output", "rows", "bytes"}.

    Raises:
        ConfigurationError: another ending than .jsonl or .parquet, or a format that has no Parquet form.
        InputError: the file cannot be written there.
        NotInStore: the pivots or what they were made from are gone.
    """
    format_ = FORMATS[format_name]
    writers = {".jsonl": _write_jsonl, ".parquet": _write_parquet}
    if output.suffix not in writers:
        raise ConfigurationError(f"--output {output}: end the name in .jsonl or .parquet")
    if output.suffix == ".parquet" and format_.columns is None:
        raise ConfigurationError(f"--output {output}: {format_name} rows are JSON lines; end the name in .jsonl")
    aside = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
    rows = ([format_.row(pivot) for pivot in part] for part in parts(store, ref))
    try:
        count = writers[output.suffix](aside, rows, format_.columns)
        aside.replace(output)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
    return {
        "artefact": str(ref),
        "format": format_name,
        "output": str(output),
        "rows": count,
        "bytes": output.stat().st_size,
    }


def text(result: Mapping[str, Any]) -> str:
    """What `export` returned, for a person."""
    return f"{result['output']}: {result['rows']:,} pivots of {result['artefact']} as {result['format']} rows"


def _write_jsonl(path: Path, parts_of_rows: Iterable[list[dict[str, Any]]], _: chat_rows.Columns | None) -> int:
    count = 0
    with path.open("wb") as stream:
        for rows in parts_of_rows:
            stream.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
            count += len(rows)
    return count


def _write_parquet(path: Path, parts_of_rows: Iterable[list[dict[str, Any]]], columns: chat_rows.Columns | None) -> int:
    """One row group per part."""
    # Imported here: only Parquet needs it, and Polars cannot append to a file.
    import pyarrow.parquet as pq

    assert columns is not None
    count, oldest = 0, pl.CompatLevel.oldest()
    empty = chat_rows.frame([], columns).to_arrow(compat_level=oldest)
    with path.open("wb") as stream, pq.ParquetWriter(stream, empty.schema, compression="zstd") as writer:
        for rows in parts_of_rows:
            writer.write_table(chat_rows.frame(rows, columns).to_arrow(compat_level=oldest))
            count += len(rows)
    return count
