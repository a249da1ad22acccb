"""Records numbered within their file, faults in their place, and how a record is shown."""

import json
from pathlib import Path

import pytest

from schemas.rejects import RAW_LIMIT, RejectReason
from tasks.stages.ingest.records import RawRecord, Reject, records, shown
from tests.tasks.stages.ingest.builders import said

ONE, TWO = said("one"), said("two")


def test_records_and_faults_are_numbered_together_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(f"{json.dumps([ONE, TWO])}\n{{\n{json.dumps(TWO)}\n")
    (tmp_path / "a.json").write_text("")
    outcomes = list(records(str(tmp_path), 1000))
    assert [(Path(outcome.source_uri).name, outcome.source_record) for outcome in outcomes] == [
        *[("a.json", 0)],
        *(("b.jsonl", number) for number in range(4)),
    ]
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Reject)] == [
        RejectReason.EMPTY_FILE,
        RejectReason.TRUNCATED,
    ]
    assert [(r.value, r.where) for r in outcomes if isinstance(r, RawRecord)] == [
        (ONE, "line 1"),
        (TWO, "line 1"),
        (TWO, "line 3"),
    ]


@pytest.mark.parametrize("containers", [True, False])
def test_containers_stay_whole_for_a_users_reader(tmp_path: Path, containers: bool) -> None:
    splits = {"splits": {"train": [ONE], "test": [TWO]}}
    (tmp_path / "a.json").write_text(json.dumps([splits]))
    values = [r.value for r in records(str(tmp_path), 1000, containers=containers) if isinstance(r, RawRecord)]
    assert values == ([{**ONE, "split": "train"}, {**TWO, "split": "test"}] if containers else [splits])


def test_a_worlds_demonstrations_are_numbered() -> None:
    source = "world://library?episodes=2&seed=3"
    outcomes = [record for record in records(source, 0) if isinstance(record, RawRecord)]
    assert [(record.source_uri, record.source_record) for record in outcomes] == [(source, 0), (source, 1)]
    assert {record.value["domain"] for record in outcomes} == {"library"}


def test_what_is_shown_is_short_and_exact() -> None:
    assert shown({"n": 2**70, "text": "Zoë"}) == '{"n":1180591620717411303424,"text":"Zoë"}'
    assert shown(b"\xff{") == "\ufffd{"
    assert len(shown("x" * 5000)) == len(shown(b"x" * 5000)) == RAW_LIMIT
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a list that cannot be written as JSON"
