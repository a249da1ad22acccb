"""The schema of a table, and the check of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from pandera.errors import SchemaError, SchemaErrors
from pandera.polars import DataFrameSchema

from tasks.errors import InputError

Table = DataFrameSchema


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with exactly the table's columns and types, even where there are no rows."""
    return pl.DataFrame(rows, schema={name: column.dtype.type for name, column in table.columns.items()})


def validate(table: Table, rows: pl.DataFrame, where: str) -> None:
    """Check names, types and values of every row.

    Raises:
        InputError: naming the table, what broke and the first offending values.
    """
    try:
        # As a DataFrame: of a LazyFrame pandera checks names and types, and no values. `lazy` is pandera's word for
        # collecting every failure.
        table.validate(rows, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        raise InputError(
            f"{where} breaks the schema {table.name!r} in {cases.height} places: {cases.head(5).rows()}"
        ) from error
    except SchemaError as error:
        raise InputError(f"{where} breaks the schema {table.name!r}: {error}") from error
