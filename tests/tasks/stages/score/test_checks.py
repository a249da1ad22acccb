from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tasks.artefact.stage import obtain
from tasks.artefact.writer import PartRecord, Writer
from tasks.errors import StageFailed
from tasks.stages.score.stage import STAGE
from tasks.store.objects import Objects
from tasks.store.store import Store
from tasks.verifiers.kinds import ToolCallSettings
from tasks.verifiers.section import ScoreConfig
from tests.tasks.stages.score.scored import RIGHT, WRONG, Run

CONFIG = ScoreConfig(verifier=ToolCallSettings())


def stopped(run: Run, lost: int | None = None) -> list[PartRecord]:
    """The parts' records of a run that was stopped before its commit; the file of part `lost` is then gone."""
    records: list[PartRecord] = []

    def produce(writer: Writer) -> None:
        run.write(writer, CONFIG)
        records.extend(writer.records())
        for part in records[lost].parts if lost is not None else ():
            writer.store.objects.remove(f"scores/{writer.ref.version}/{part.key}")
        raise StageFailed("stopped")

    with pytest.raises(StageFailed, match="stopped"):
        obtain(STAGE, CONFIG, {"rollouts": str(run.rollouts.ref)}, run.store, produce)
    return records


def test_each_record_holds_its_own_parts_check_and_the_manifest_their_sum(store: Store) -> None:
    run = Run(store, RIGHT, parts=3)
    checks: list[dict[str, Any]] = [record.summary["self_check"] for record in stopped(run)]
    assert [check["gold"] for check in checks] == [5, 5, 5]
    total = run.summary(run.score(CONFIG))
    assert (total["gold"], total["junk"]) == (15, sum(check["junk"] for check in checks))


@pytest.mark.parametrize("lost", [0, 2])
def test_a_part_that_is_done_again_counts_once(store: Store, lost: int) -> None:
    run = Run(store, RIGHT, parts=3)
    stopped(run, lost)
    scores = run.score(CONFIG)
    summary = store.manifest(scores.ref).summary
    assert (summary["self_check"]["gold"], summary["undecided"]["asked"], scores.rows) == (15, 15, 15)


@pytest.mark.slow
def test_a_part_more_costs_the_store_as_much_as_the_one_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    get = Objects.get

    def counting(objects: Objects, key: str) -> bytes:
        asked["get"] += 1
        return get(objects, key)

    reads = []
    for parts in (2, 5, 8):
        run = Run(store, RIGHT, WRONG, parts=parts)
        monkeypatch.setattr(Objects, "get", counting)
        asked.clear()
        run.score(CONFIG)
        reads.append(asked["get"])
        monkeypatch.setattr(Objects, "get", get)
    assert reads[2] - reads[1] == reads[1] - reads[0] > 0
