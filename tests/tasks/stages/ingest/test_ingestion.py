"""Options, duplicates, counts and a user's own reader; taken + rejected is always what was read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pandera.polars import DataFrameSchema

from schemas.config import IngestConfig
from schemas.rejects import REJECTS, RejectReason
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.table import frame, validate
from tasks.errors import ConfigurationError, InputError
from tasks.stages.ingest import ingestion
from tasks.stages.ingest.ingestion import Counts, ingest
from tasks.stages.ingest.records import Reject
from tasks.stages.ingest.trajectory import Trajectory
from tests.tasks.stages.ingest.builders import (
    CALL,
    OPENAI,
    SHAREGPT,
    USER,
    ingested,
    openai_record,
    reasons,
    roles,
    said,
    trajectory_of,
)

REWARDED = [{**said(f"answer {reward}"), "reward": reward} for reward in (1.0, 0.5, 0.0)] + [said("unknown")]


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_successful_only(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "a.jsonl", lines(*REWARDED), successful_only=True)
    assert reasons(outcomes) == ["taken", *[RejectReason.NOT_SUCCESSFUL] * 2, "taken"], "demonstrations have no outcome"
    assert outcomes[2].detail == "line 3: recorded as failed"


def test_min_reward(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "a.jsonl", lines(*REWARDED), min_reward=0.5)
    assert reasons(outcomes) == ["taken", "taken", RejectReason.BELOW_MIN_REWARD, RejectReason.BELOW_MIN_REWARD]


def test_limit_stops_reading(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "a.jsonl", lines(REWARDED[0], {}, REWARDED[1], REWARDED[2]), limit=2)
    assert reasons(outcomes) == ["taken", RejectReason.UNKNOWN_FORMAT, "taken"]


def test_the_default_domain(tmp_path: Path) -> None:
    assert trajectory_of(tmp_path, said("x"), domain="desk").domain == "desk"
    assert trajectory_of(tmp_path, {**said("x"), "domain": "retail"}, domain="desk").domain == "retail"


def test_duplicates_name_the_first_across_files_and_forms(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([said("one"), OPENAI]))
    copy = {"messages": [*OPENAI["messages"], {"role": "user", "content": "###STOP###"}], "tools": OPENAI["tools"]}
    outcomes = ingested(tmp_path / "b.jsonl", lines(copy)) and ingested(tmp_path)
    assert reasons(outcomes) == ["taken", "taken", RejectReason.DUPLICATE]
    assert outcomes[2].detail == f"line 1: the same content as record 1 of {(tmp_path / 'a.json').as_uri()}"


def test_other_tools_or_another_answer_are_another_trajectory(tmp_path: Path) -> None:
    other = {**OPENAI, "tools": []}
    outcomes = ingested(tmp_path / "a.jsonl", lines(OPENAI, other, said("one"), said("two")))
    assert reasons(outcomes) == ["taken"] * 4


def test_a_copy_without_a_reward_does_not_displace_the_one_with_it(tmp_path: Path) -> None:
    records = lines(said("one"), {**said("one"), "reward": 1})
    outcomes = ingested(tmp_path / "a.jsonl", records, min_reward=1)
    assert reasons(outcomes) == [RejectReason.BELOW_MIN_REWARD, "taken"]


def test_the_id_depends_on_the_content_alone(tmp_path: Path) -> None:
    first = trajectory_of(tmp_path, OPENAI)
    again = trajectory_of(tmp_path, {**OPENAI, "task_id": "other", "reward": 0.0, "split": "test"})
    assert first.trajectory_id == again.trajectory_id == "2d86776720b1961f"


def test_counts_add_up_for_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(OPENAI, OPENAI, said("one"), {}, {"messages": []}))
    (tmp_path / "b.jsonl").write_text(lines(OPENAI, SHAREGPT) + "{")
    (tmp_path / "README.md").write_text("# Runs")
    counts = Counts()
    for outcome in ingest(IngestConfig(source=str(tmp_path))):
        counts.add(outcome)
    keys = ("records", "taken", "trajectories", "actions", "tool_actions", "duplicates", "rejected")
    by_name = {uri.rpartition("/")[2]: tuple(of[key] for key in keys) for uri, of in counts.by_source.items()}
    assert by_name == {
        "a.jsonl": (5, 2, 3, 5, 2, 1, 3),
        "b.jsonl": (3, 1, 2, 4, 2, 1, 2),
        "README.md": (1, 0, 0, 0, 0, 0, 1),
    }


def test_a_summary_lists_the_files_with_the_most_rejects_then_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text(lines(said("one")))
    (tmp_path / "b.jsonl").write_text(lines(said("two"), said("three")))
    (tmp_path / "c.jsonl").write_text(lines({}))
    (tmp_path / "d.jsonl").write_text(lines(said("four")))
    counts = Counts()
    for outcome in ingest(IngestConfig(source=str(tmp_path))):
        counts.add(outcome)
    assert counts.summary() == {"by_source": counts.by_source}
    monkeypatch.setattr(ingestion, "LISTED", 2)
    summary = counts.summary()
    assert [uri.rpartition("/")[2] for uri in summary["by_source"]] == ["b.jsonl", "c.jsonl"]
    nothing = {"tool_actions": 0, "duplicates": 0, "untooled": 0, "rejected": 0}
    sums = {"records": 2, "taken": 2, "trajectories": 2, "actions": 2, **nothing}
    assert summary["other_sources"] == {"files": 2, **sums}


def test_canned_openings_and_consecutive_assistant_messages_count_as_actions_once(tmp_path: Path) -> None:
    greeting = {"role": "assistant", "content": "Hi! How can I help you today?"}
    call = {"role": "assistant", "tool_calls": [CALL]}
    record = openai_record(greeting, USER, {"role": "assistant", "content": "I look."}, call)
    assert roles(trajectory_of(tmp_path, record)) == ["assistant", "user", "assistant"]


def test_a_users_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_reader.py").write_text(
        "def read(value):\n"
        "    if value['q'] == 'none':\n"
        "        return None\n"
        "    said = {'role': 'assistant', 'content': value['a']}\n"
        "    return {'messages': [{'role': 'user', 'content': value['q']}, said]}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    records = json.dumps([{"q": "Where?", "a": "There."}, {"q": "none"}, {"oops": 1}])
    outcomes = ingested(tmp_path / "theirs.json", records, reader="their_reader:read")
    assert reasons(outcomes) == ["taken", RejectReason.READER_FAILED, RejectReason.READER_FAILED]
    assert outcomes[2].detail == "KeyError: 'q'"
    assert json.loads(outcomes[0].metadata_json)["format"] == "their_reader:read"


@pytest.mark.parametrize("name", ["their_reader", "no_such_module:read", "json:no_such_function", "json:__name__", ":"])
def test_a_mistaken_reader(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"ingest\.reader"):
        ingested(tmp_path / "a.json", reader=name)


def test_ingest_is_a_stream(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(said("one")))
    (tmp_path / "b.jsonl").write_text(lines(said("two")))
    outcomes: Iterator[Trajectory | Reject] = ingest(IngestConfig(source=str(tmp_path)))
    assert isinstance(next(outcomes), Trajectory)
    (tmp_path / "b.jsonl").write_text("")
    assert reasons(list(outcomes)) == [RejectReason.EMPTY_FILE]


def test_rows_have_the_tables_types_and_keys(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "a.jsonl", lines(OPENAI, OPENAI, said("one"), {}))
    taken = [outcome for outcome in outcomes if isinstance(outcome, Trajectory)]
    rows: list[tuple[DataFrameSchema, list[dict[str, Any]]]] = [
        (TRAJECTORIES, [outcome.row() for outcome in taken]),
        (REJECTS, [outcome.row() for outcome in outcomes if isinstance(outcome, Reject)]),
        (TOOLSETS, [row for outcome in taken if (row := outcome.toolset_row())]),
    ]
    assert [len(of) for _, of in rows] == [2, 2, 1]
    for table, of in rows:
        validate(table, frame(table, of), "rows")
        validate(table, frame(table, []), "no rows")
        with pytest.raises(InputError, match="twice"):
            validate(table, frame(table, of + of), "twice")
    written = frame(TRAJECTORIES, rows[0][1])
    assert written["messages"][0].to_list() == list(taken[0].messages)
