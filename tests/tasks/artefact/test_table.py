import polars as pl
import pytest
from pandera.polars import Check, Column, DataFrameSchema

from tasks.artefact.table import frame, validate
from tasks.errors import InputError

TABLE = DataFrameSchema(
    {"name": Column(pl.String), "n": Column(pl.Int32, Check.ge(0))}, strict=True, unique=["name"], name="numbers"
)


def numbers(*values: int) -> pl.DataFrame:
    return frame(TABLE, [{"name": f"number {n}", "n": n} for n in values])


def test_a_frame_has_the_columns_and_types_of_its_table_even_without_rows() -> None:
    assert frame(TABLE, []).schema == {"name": pl.String, "n": pl.Int32}
    swapped = frame(TABLE, [{"n": 1, "name": "a"}])
    assert swapped.schema == {"name": pl.String, "n": pl.Int32} and swapped.rows() == [("a", 1)]
    assert frame(TABLE, [{"n": 1, "name": "a", "more": 2}]).columns == ["name", "n"]


def test_rows_that_keep_to_the_schema_pass() -> None:
    validate(TABLE, numbers(0, 1, 2), "here")
    validate(TABLE, frame(TABLE, []), "here")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (numbers(3, -5), r"^here breaks the schema 'numbers' in 1 places.*-5"),
        (numbers(-1, -2, -3), r"in 3 places.*-1.*-2.*-3"),
        (numbers(3, 3), r"'numbers'.*number 3"),
        (numbers(3).with_columns(extra=1), r"'numbers'.*extra"),
        (numbers(3).drop("n"), r"'numbers'.*'n'"),
        (numbers(3).cast({"n": pl.Int64}), r"'numbers'.*Int64"),
        (numbers(3).with_columns(name=pl.lit(None, pl.String)), r"'numbers'.*name"),
    ],
)
def test_rows_that_break_the_schema_are_named(rows: pl.DataFrame, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        validate(TABLE, rows, "here")
