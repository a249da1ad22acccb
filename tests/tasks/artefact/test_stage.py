import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from pandera.polars import Column, DataFrameSchema

from schemas.config import SplitConfig
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.writer import Writer
from tasks.errors import InputError, StageFailed
from tasks.store.store import Store

TABLE = DataFrameSchema({"x": Column(pl.Int64)}, strict=True, name="numbers")
STAGE = Stage("states", version=1, tables={"states": TABLE})
PARTS = 3


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"x": list(values)}, schema={"x": pl.Int64})


def write(writer: Writer) -> None:
    for index in range(PARTS):
        if not writer.done(index):
            writer.write(index, {"states": numbers(index)}, reasons={"left": 1})


def made(store: Store, produce: Callable[[Writer], None] = write, **options) -> Artefact:
    return obtain(STAGE, SplitConfig(), {"trajectories": "trajectories@a"}, store, produce, **options)


def never(_: Writer) -> None:
    raise AssertionError("it ran although the artefact exists")


def test_the_second_time_it_is_reused(any_store: Store) -> None:
    first = made(any_store)
    again = made(any_store, never)
    assert (first.cached, again.cached) == (False, True)
    assert (first.version, first.rows, first.reasons) == (again.version, 3, {"left": 3})
    assert any_store.read(again.ref)["x"].to_list() == [0, 1, 2]
    assert any_store.resolve("states@latest") == first.ref
    assert any_store.objects.names("_staging/states") == []


def test_the_artefacts_summary_is_made_of_the_parts_in_order(store: Store) -> None:
    def write_backwards(writer: Writer) -> None:
        for index in reversed(range(PARTS)):
            writer.write(index, {"states": numbers(index)}, summary={"x": index, f"only {index}": True})

    added = Stage("states", 2, {"states": TABLE}, summarise=lambda parts: {"x": [part["x"] for part in parts]})
    latest = made(store, write_backwards)
    summed = obtain(added, SplitConfig(), {}, store, write_backwards)
    assert store.manifest(latest.ref).summary == {"x": 2, "only 0": True, "only 1": True, "only 2": True}
    assert store.manifest(summed.ref).summary == {"x": [0, 1, 2]}


def test_other_inputs_or_settings_are_another_artefact(store: Store) -> None:
    first = made(store)
    other = obtain(STAGE, SplitConfig(), {"trajectories": "trajectories@b"}, store, write)
    third = obtain(STAGE, SplitConfig(by="trajectory"), {"trajectories": "trajectories@a"}, store, write)
    assert len({first.version, other.version, third.version}) == 3


def test_a_deleted_manifest_is_made_again(store: Store) -> None:
    first = made(store)
    store.objects.remove(f"states/{first.version}/manifest.json")
    again = made(store)
    assert (again.cached, again.version) == (False, first.version)
    assert store.read(again.ref)["x"].to_list() == [0, 1, 2]


def test_an_empty_result_fails_and_says_what_emptied_it(store: Store) -> None:
    def empty(writer: Writer) -> None:
        writer.write(0, {"states": numbers()}, reasons={"too_easy": 1, "always_right": 5})

    with pytest.raises(StageFailed, match=r"states came out empty: 5 always_right, 1 too_easy"):
        made(store, empty)
    assert list(store.artefacts()) == []
    with pytest.raises(StageFailed, match=r"states came out empty: its input has no rows"):
        obtain(STAGE, SplitConfig(), {}, store, lambda writer: None)
    assert made(store, empty, allow_empty=True).rows == 0


def test_a_run_that_was_stopped_goes_on_with_the_next_part(store: Store) -> None:
    def stopped(writer: Writer) -> None:
        writer.write(0, {"states": numbers(0)}, reasons={"left": 1})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(store, stopped)
    assert list(store.artefacts()) == []
    written = []

    def rest(writer: Writer) -> None:
        written.extend(index for index in range(PARTS) if not writer.done(index))
        write(writer)

    assert made(store, rest).reasons == {"left": 3}
    assert written == [1, 2]


def test_a_run_that_meets_anothers_commit_takes_its_artefact(store: Store) -> None:
    def overtaken(writer: Writer) -> None:
        writer.store.write_part(writer.ref, "states", 0, numbers(99))
        made(store)

    late = made(store, overtaken)
    assert late.cached
    assert store.read(late.ref)["x"].to_list() == [0, 1, 2]
    names = store.objects.names(f"states/{late.version}")
    assert len(names) == PARTS + 2, "the loser's part is still there"


def test_a_run_that_fails_because_another_committed_takes_its_artefact(store: Store) -> None:
    def overtaken(writer: Writer) -> None:
        made(store)
        raise FileNotFoundError("what was staged is gone")

    assert made(store, overtaken).cached


def test_what_the_loser_stages_after_the_winners_commit_is_not_taken_for_a_part_later(store: Store) -> None:
    def overtaken(writer: Writer) -> None:
        made(store)
        writer.write(0, {"states": numbers(99)})

    late = made(store, overtaken)
    assert store.objects.names("_staging/states") == []
    store.objects.remove(f"states/{late.version}/manifest.json")
    assert store.read(made(store).ref)["x"].to_list() == [0, 1, 2]


def test_its_own_failure_stays_a_failure(store: Store) -> None:
    def failing(writer: Writer) -> None:
        raise OSError("disk on fire")

    def refusing(writer: Writer) -> None:
        made(store)
        writer.write(0, {"states": pl.DataFrame({"y": [1]})})

    with pytest.raises(OSError, match=r"disk on fire"):
        made(store, failing)
    with pytest.raises(InputError):
        made(store, refusing)


def test_a_run_killed_after_its_commit_is_tidied_by_the_next(store: Store) -> None:
    first = made(store)
    Writer(store, first.ref, STAGE.tables).write(0, {"states": numbers(99)})
    assert made(store, never).cached
    assert not store.objects.exists(f"_staging/states/{first.version}")
    assert len(store.objects.names(f"states/{first.version}")) == PARTS + 2


@pytest.mark.slow
@pytest.mark.parametrize("any_store", ["file", "s3"], indirect=True)
def test_many_runs_at_once_all_end_with_the_same_artefact(any_store: Store) -> None:
    store, racers, parts = any_store, 6, 20 if any_store.objects.local else 4
    barrier = threading.Barrier(racers)

    def run(number: int) -> Artefact:
        rng = random.Random(number)

        def slowly(writer: Writer) -> None:
            barrier.wait()
            for index in range(parts):
                time.sleep(rng.random() * 0.004)
                if not writer.done(index):
                    writer.write(index, {"states": numbers(index)})

        return made(store, slowly)

    with ThreadPoolExecutor(racers) as pool:
        results = list(pool.map(run, range(racers)))
    assert len({result.version for result in results}) == 1
    assert [result.cached for result in results].count(False) == 1
    assert store.read(results[0].ref)["x"].to_list() == list(range(parts))
    assert len(store.objects.names(f"states/{results[0].version}")) == parts + 2
    assert not [name for name in store.objects.names("_staging/states") if name]


KILLED_AT_EVERY_MOMENT = """
import os, signal, sys
from tasks.store.store import Store
from tests.tasks.artefact.test_stage import made

def run(root, moment):
    calls = 0

    def killed_at_its_moment(function):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call

    for name in ("fsync", "replace", "link", "unlink", "rmdir"):
        setattr(os, name, killed_at_its_moment(getattr(os, name)))
    made(Store(root))

moment, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    moment += 1
    pid = os.fork()  # not a new interpreter, which would take a second
    if pid == 0:
        run(f"{sys.argv[1]}/{moment}", moment)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
assert status == 0, status
print(moment)
"""


@pytest.mark.slow
def test_sigkill_at_any_moment_leaves_nothing_half_visible(tmp_path: Path) -> None:
    """Killed before each call by which files become visible or vanish, until a run is killed no more."""
    program = [sys.executable, "-c", KILLED_AT_EVERY_MOMENT, str(tmp_path)]
    run = subprocess.run(program, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    committed = []
    for moment in range(1, int(run.stdout) + 1):
        store = Store(str(tmp_path / str(moment)))
        manifests = list(store.artefacts())
        committed.append(bool(manifests))
        for manifest in manifests:
            assert store.read(manifest.ref)["x"].to_list() == [0, 1, 2]
        artefact = made(store)
        assert artefact.cached is committed[-1]
        assert store.read(artefact.ref)["x"].to_list() == [0, 1, 2]
        assert artefact.reasons == {"left": 3}
        assert len(store.objects.names(f"states/{artefact.version}", hidden=True)) == PARTS + 2
        assert store.objects.names(f"_staging/states/{artefact.version}") == []
    # Twelve calls write the parts and their records, two come before the manifest is linked.
    assert committed == [False] * 14 + [True] * (len(committed) - 14) and len(committed) > 20


def test_everything_above_seconds_is_a_function_of_configuration_and_inputs(tmp_path: Path) -> None:
    def recorded(name: str) -> dict:
        store = Store(str(tmp_path / name))
        return store.manifest(made(store).ref).model_dump(exclude={"seconds", "created_at", "environment"})

    assert recorded("a") == recorded("b")
