import polars as pl
import pytest
from pandera.polars import Check, Column, DataFrameSchema

from tasks.artefact.table import frame
from tasks.artefact.writer import Writer, total_reasons
from tasks.errors import InputError
from tasks.store.manifest import Ref
from tasks.store.store import Store

TABLE = DataFrameSchema(
    {"name": Column(pl.String), "n": Column(pl.Int32, Check.ge(0))}, strict=True, unique=["name"], name="numbers"
)
REF = Ref(stage="states", version="00000000000000aa")


def writer(store: Store) -> Writer:
    return Writer(store, REF, {"states": TABLE})


def numbers(*values: int) -> pl.DataFrame:
    return frame(TABLE, [{"name": f"number {n}", "n": n} for n in values])


def test_a_finished_part_is_known_to_the_next_run(any_store: Store) -> None:
    writer(any_store).write(3, {"states": numbers(1, 2)}, reasons={"odd": 1}, summary={"a": 1})
    resumed = writer(any_store)
    assert [resumed.done(index) for index in (2, 3)] == [False, True]
    resumed.write(2, {"states": numbers(0)}, reasons={"odd": 2, "big": 1})
    records = resumed.records()
    assert [record.index for record in records] == [2, 3]
    assert records[1].parts[0].rows == 2
    assert total_reasons(records) == {"odd": 3, "big": 1}


def test_a_part_whose_file_is_gone_is_not_done(store: Store) -> None:
    writer(store).write(0, {"states": numbers(1)})
    store.objects.remove(f"{REF.stage}/{REF.version}")
    assert not writer(store).done(0)


def test_a_kill_between_the_part_and_its_record_leaves_it_undone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(store.objects), "put", killed)
        with pytest.raises(KeyboardInterrupt):
            writer(store).write(0, {"states": numbers(1)})
    assert not writer(store).done(0)
    assert not writer(store).staged()


def test_a_run_that_comes_to_fewer_parts_forgets_the_others(any_store: Store) -> None:
    for index in range(4):
        writer(any_store).write(index, {"states": numbers(index)}, reasons={"odd": 1})
    writer(any_store).write_segment(3, 0, numbers(9))
    writer(any_store).end(2)
    assert [record.index for record in writer(any_store).records()] == [0, 1]
    assert not writer(any_store).done(2)
    assert writer(any_store).segment(3, 0) is not None, "only parts are counted"


def test_segments_survive_until_cleared(any_store: Store) -> None:
    writer(any_store).write_segment(1, 2, numbers(4, 5))
    resumed = writer(any_store)
    segment = resumed.segment(1, 2)
    assert segment is not None and segment["n"].to_list() == [4, 5]
    assert resumed.segment(1, 3) is None
    assert resumed.segment(2, 2) is None
    assert resumed.staged()
    resumed.clear()
    assert not resumed.staged()
    assert resumed.segment(1, 2) is None
    assert resumed.records() == []


def test_rows_that_break_the_schema_are_named(store: Store) -> None:
    with pytest.raises(InputError, match=r"states@00000000000000aa part 4 breaks the schema 'numbers' in 1 places.*-5"):
        writer(store).write(4, {"states": numbers(3, -5)})
    assert not writer(store).done(4)
    assert store.objects.names(f"{REF.stage}/{REF.version}") == []


def test_a_reason_that_applied_to_nothing_is_none(store: Store) -> None:
    writer(store).write(0, {"states": numbers(1)}, reasons={"undecided": 0, "canned": 2})
    assert writer(store).records()[0].reasons == {"canned": 2}
