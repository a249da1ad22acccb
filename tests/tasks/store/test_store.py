import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from schemas.stages import ARTEFACTS
from tasks.errors import ConfigurationError, NotInStore, StoreError
from tasks.store.manifest import Manifest, Part, Ref
from tasks.store.store import Store

REF = Ref(stage="states", version="5be1c0e1a9d04b7f")


def rows(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"x": list(values)}, schema={"x": pl.Int64})


def manifest(ref: Ref, *parts: Part, **fields) -> Manifest:
    return Manifest(stage=ref.stage, version=ref.version, stage_version=1, config={}, inputs={}, parts=parts, **fields)


def published(store: Store, ref: Ref = REF, *values: int, created_at: str = "") -> Manifest:
    part = store.write_part(ref, ref.stage, 0, rows(*values))
    return store.commit(manifest(ref, part, created_at=created_at))[0]


def test_what_was_committed_is_read_back(any_store: Store) -> None:
    parts = [any_store.write_part(REF, "states", i, rows(i, i + 1)) for i in range(3)]
    side = any_store.write_part(REF, "side", 0, rows(9))
    any_store.commit(manifest(REF, *reversed(parts), side))
    committed = any_store.manifest(REF)
    assert (committed.rows, committed.bytes) == (6, sum(p.bytes for p in (*parts, side)))
    assert any_store.read(REF)["x"].to_list() == [0, 1, 1, 2, 2, 3]
    assert [index for index, _ in any_store.parts(REF)] == [0, 1, 2]
    assert any_store.read(REF, "side")["x"].to_list() == [9]
    with pytest.raises(StoreError, match=r"has no table 'other'"):
        any_store.read(REF, "other")


def test_urls_are_what_polars_opens(any_store: Store) -> None:
    published(any_store, REF, 1, 2)
    if any_store.root.startswith("memory:"):
        pytest.skip("memory is of this process")
    assert pl.read_parquet(any_store.urls(REF))["x"].to_list() == [1, 2]


def test_nothing_is_visible_before_its_manifest(any_store: Store) -> None:
    any_store.write_part(REF, "states", 0, rows(1))
    assert any_store.find(REF) is None
    assert list(any_store.artefacts()) == []
    with pytest.raises(NotInStore, match=r"no states@5be1c0e1a9d04b7f"):
        any_store.manifest(REF)
    with pytest.raises(NotInStore):
        any_store.resolve(str(REF))


def test_of_two_commits_one_wins_and_both_get_the_winner(any_store: Store) -> None:
    mine = any_store.write_part(REF, "states", 0, rows(1))
    theirs = any_store.write_part(REF, "states", 0, rows(2))
    assert mine.key != theirs.key, "a part was overwritten"
    first, won = any_store.commit(manifest(REF, mine))
    again, lost = any_store.commit(manifest(REF, theirs))
    assert (won, lost) == (True, False)
    assert first == again == any_store.manifest(REF)
    assert any_store.read(REF)["x"].to_list() == [1]
    assert any_store.objects.names("states/5be1c0e1a9d04b7f") == sorted(["README.md", "manifest.json", mine.key])


def test_many_racing_commits_have_one_winner_whose_rows_are_there(tmp_path: Path) -> None:
    store, racers = Store(str(tmp_path)), 8
    barrier = threading.Barrier(racers)

    def run(number: int) -> tuple[Manifest, bool]:
        parts = [store.write_part(REF, "states", i, rows(number, i)) for i in range(4)]
        barrier.wait()
        return store.commit(manifest(REF, *parts, created_at=str(number)))

    with ThreadPoolExecutor(racers) as pool:
        results = list(pool.map(run, range(racers)))
    assert [won for _, won in results].count(True) == 1
    assert len({committed.model_dump_json() for committed, _ in results}) == 1
    winner = int(results[0][0].created_at)
    assert store.read(REF)["x"].to_list() == [x for i in range(4) for x in (winner, i)]
    assert len(store.objects.names("states/5be1c0e1a9d04b7f")) == 6


def test_a_commit_sweeps_what_killed_runs_left(store: Store) -> None:
    store.write_part(REF, "states", 7, rows(7))
    store.write_file(REF, "old/model.safetensors", b"old")
    aside = Path(store.objects.full("states/5be1c0e1a9d04b7f/.states-00000.parquet.abc"))
    aside.write_bytes(b"half")
    part = store.write_part(REF, "states", 0, rows(1))
    file = store.write_file(REF, "model.safetensors", b"new")
    store.commit(manifest(REF, part, files=(file,)))
    assert store.objects.names("states/5be1c0e1a9d04b7f", hidden=True) == sorted(
        ["README.md", "files", "manifest.json", part.key]
    )
    assert store.objects.names("states/5be1c0e1a9d04b7f/files") == [file.key.removeprefix("files/")]


def test_a_deleted_part_is_detected(store: Store) -> None:
    made = published(store, REF, 1)
    store.objects.remove(f"states/{REF.version}/{made.parts[0].key}")
    with pytest.raises(StoreError, match=r"named by its manifest and gone; delete the manifest to remake states@5be1"):
        store.read(REF)


def test_a_changed_part_is_detected(store: Store) -> None:
    made = published(store, REF, 1)
    key = f"states/{REF.version}/{made.parts[0].key}"
    data = store.objects.get(key)
    store.objects.put(key, data + b"x")
    with pytest.raises(StoreError, match=r"not the file that its manifest names"):
        store.read(REF)
    store.objects.put(key, bytes(len(data)))
    with pytest.raises(StoreError, match=r"not the file that its manifest names"):
        store.read_part(REF, made.parts[0], verify=True)
    with pytest.raises(StoreError, match=r"not readable as Parquet"):
        store.read(REF)


def test_a_manifest_that_is_none_is_named(store: Store) -> None:
    store.objects.put(f"states/{REF.version}/manifest.json", b'{"stage": ')
    with pytest.raises(StoreError, match=r"not a manifest; delete it to have states@5be1.* made again"):
        store.find(REF)


def test_files_come_back_under_their_own_names(any_store: Store, tmp_path: Path) -> None:
    files = tuple(any_store.write_file(REF, name, name.encode()) for name in ("config.json", "sub/a.bin", "sub__a.bin"))
    any_store.commit(manifest(REF, files=files))
    folder = any_store.fetch_files(REF, tmp_path / "out")
    assert {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()} == {
        "config.json": "config.json",
        "sub/a.bin": "sub/a.bin",
        "sub__a.bin": "sub__a.bin",
    }
    (folder / "config.json").write_text("damaged")
    any_store.fetch_files(REF, folder)
    assert (folder / "config.json").read_text() == "config.json"
    any_store.objects.put(f"states/{REF.version}/{files[0].key}", b"changed!!!!")
    with pytest.raises(StoreError, match=r"config.json is not what its manifest names"):
        any_store.fetch_files(REF, tmp_path / "elsewhere")


def test_an_artefact_is_named_by_version_beginning_tag_or_latest(any_store: Store) -> None:
    one, two = Ref(stage="states", version="aaaa000000000001"), Ref(stage="states", version="aaab000000000002")
    for number, ref in enumerate((one, two)):
        published(any_store, ref, number, created_at=str(number))
        any_store.tag(ref, "latest")
    any_store.tag(one, "promoted")
    assert any_store.resolve("states") == two
    assert any_store.resolve("states@latest") == two
    assert any_store.resolve("states@promoted") == one
    assert any_store.resolve("states@aaaa000000000001") == one
    assert any_store.resolve("states@aaab") == two
    assert any_store.tags("states") == {"latest": two.version, "promoted": one.version}
    assert [m.version for m in any_store.artefacts("states")] == [one.version, two.version]
    with pytest.raises(NotInStore, match=r"'aaa' is the beginning of 2 versions of states"):
        any_store.resolve("states@aaa")


@pytest.mark.parametrize("text", ["states@nope", "states", "pivots@latest"])
def test_what_is_not_there_is_said_so(store: Store, text: str) -> None:
    with pytest.raises(NotInStore, match=r"no version or tag .*`pivotrl ls "):
        store.resolve(text)


@pytest.mark.parametrize(("text", "problem"), [("pivot", "no stage 'pivot'"), ("states@../x", "neither a version")])
def test_a_name_that_cannot_be_is_a_mistake(store: Store, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        store.resolve(text)
    with pytest.raises(ConfigurationError, match=r"tag '../x'"):
        store.tag(REF, "../x")


def test_a_version_without_manifest_is_no_candidate(store: Store) -> None:
    ref = Ref(stage="states", version="aaaa000000000001")
    published(store, ref, 1)
    store.write_part(Ref(stage="states", version="aaaa000000000002"), "states", 0, rows(1))
    assert store.resolve("states@aaaa") == ref


def test_artefacts_come_in_the_order_of_the_stages(store: Store) -> None:
    for stage in reversed(ARTEFACTS):
        published(store, Ref(stage=stage, version="00000000000000aa"), 1)
    assert [m.stage for m in store.artefacts()] == list(ARTEFACTS)


@pytest.mark.parametrize("content", [b'{"stage": ', b"\xff", b'{"stage": "states"}', b"[]"])
def test_a_damaged_tag_is_named(store: Store, content: bytes) -> None:
    store.objects.put("_tags/states/good.json", content)
    for asked in (lambda: store.resolve("states@good"), lambda: store.tags("states")):
        with pytest.raises(StoreError, match=r"good.json is not a tag; delete it, or set it again with `pivotrl tag"):
            asked()


def test_a_tag_of_another_stage_is_refused(store: Store) -> None:
    store.objects.put("_tags/states/good.json", Ref(stage="pivots", version="a").model_dump_json().encode())
    with pytest.raises(StoreError, match="points at pivots@a, which is not of states"):
        store.resolve("states@good")


@pytest.mark.parametrize("written_by_another", [True, False])
def test_a_card_swept_by_another_run_while_it_is_written_is_that_runs_card(
    store: Store, written_by_another: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = published(store, REF, 1)
    card, put = f"states/{REF.version}/README.md", store.objects.put
    store.objects.remove(card)

    def swept(key: str, data: bytes) -> None:
        if written_by_another:
            put(key, data)
        raise StoreError("the file aside is gone")

    monkeypatch.setattr(store.objects, "put", swept)
    if written_by_another:
        store.finish_commit(made)
        assert store.objects.get(card).startswith(b"---\n")
    else:
        with pytest.raises(StoreError, match="aside is gone"):
            store.finish_commit(made)


def test_some_columns_are_read_alone(any_store: Store) -> None:
    frame = pl.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    any_store.commit(manifest(REF, any_store.write_part(REF, "states", 0, frame)))
    assert any_store.read(REF, columns=["y"]).to_dict(as_series=False) == {"y": ["a", "b"]}
