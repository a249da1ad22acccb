"""Files in every format: loaded in one line, whole or not at all."""

from pathlib import Path
from typing import get_args

import pytest

from schemas.exports import ExportFormat
from tasks.errors import ConfigurationError, InputError, NotInStore, StoreError
from tasks.exchange.export import FORMATS, export, text
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import commit_trajectories
from tests.tasks.exchange.exported import PARTS, PIVOTS


def rows_by(library: str, path: str) -> int:
    """Rows of a Parquet file, loaded as its users do."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    if library == "duckdb":
        return int(module.sql(f"select count(*) from '{path}'").fetchall()[0][0])
    return len(module.read_parquet(path))


def test_every_format_that_can_be_named_is_written() -> None:
    assert get_args(ExportFormat) == tuple(FORMATS)


@pytest.mark.parametrize("library", ["polars", "pandas", "duckdb"])
@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_an_export_loads_in_one_line(store: Store, pivots: Ref, format_name: str, library: str, tmp_path: Path) -> None:
    output = tmp_path / "pivots.parquet"
    export(store, pivots, format_name, output)
    assert rows_by(library, str(output)) == len(PIVOTS)


@pytest.mark.parametrize("library", ["polars", "pandas", "duckdb"])
def test_the_store_itself_loads_in_one_line(store: Store, pivots: Ref, library: str) -> None:
    assert rows_by(library, store.urls(pivots)[0]) == len(PIVOTS)


def test_what_cannot_be_written_is_refused_and_leaves_nothing(store: Store, pivots: Ref, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"end the name in \.jsonl or \.parquet"):
        export(store, pivots, "trl", tmp_path / "pivots.csv")
    with pytest.raises(ConfigurationError, match=r"nemo-gym rows are JSON lines"):
        export(store, pivots, "nemo-gym", tmp_path / "pivots.parquet")
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        export(store, pivots, "trl", tmp_path / "nowhere" / "pivots.jsonl")
    with pytest.raises(ConfigurationError, match="is no set of pivots"):
        export(store, commit_trajectories(store, PARTS).ref, "trl", tmp_path / "pivots.jsonl")
    with pytest.raises(NotInStore, match="no pivots@gone"):
        export(store, Ref(stage="pivots", version="gone"), "trl", tmp_path / "pivots.jsonl")
    part = store.manifest(commit_trajectories(store, PARTS).ref).table("trajectories")[2]
    store.objects.remove(f"trajectories/{commit_trajectories(store, PARTS).version}/{part.key}")
    whole = tmp_path / "pivots.jsonl"
    whole.write_text("as it was")
    with pytest.raises(StoreError, match="named by its manifest and gone"):
        export(store, pivots, "openai", whole)
    assert whole.read_text() == "as it was" and sorted(path.name for path in tmp_path.iterdir()) == [
        "pivots.jsonl",
        "store",
    ]


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_written_is_said(store: Store, pivots: Ref, format_name: str, tmp_path: Path) -> None:
    output = tmp_path / "pivots.jsonl"
    result = export(store, pivots, format_name, output)
    assert text(result) == f"{output}: {len(PIVOTS)} pivots of {pivots} as {format_name} rows"
    assert result["bytes"] == output.stat().st_size
