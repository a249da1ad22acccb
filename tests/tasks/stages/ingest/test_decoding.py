"""Files of every wrapping, and files that are broken in every way: a reject with a reason, never an exception."""

import gzip
import json
import os
import random
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zstandard

from schemas.rejects import RAW_LIMIT, RejectReason
from tasks.stages.ingest import decoding
from tasks.stages.ingest.records import Reject
from tests.tasks.stages.ingest.builders import OPENAI, OPENHANDS, SHAREGPT, USER, ingested, openai_record, reasons, said

LINES = "".join(json.dumps(said(f"answer {number}")) + "\n" for number in range(3))
LIST = json.dumps([said(f"answer {number}") for number in range(3)], indent=1)
PAYLOADS = {"lines.jsonl": LINES, "lines.json": LINES, "lines": LINES, "list.json": LIST, "list.jsonl": LIST}


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("wrapping", ["plain", "gzip", "zstd"])
def test_layout_and_compression_are_found_by_content(tmp_path: Path, name: str, wrapping: str) -> None:
    wrap = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[wrapping]
    assert reasons(ingested(tmp_path / name, wrap(PAYLOADS[name].encode()))) == ["taken"] * 3


@pytest.mark.parametrize(
    "record", [OPENAI, SHAREGPT, OPENAI["messages"], OPENHANDS], ids=lambda record: str(type(record))
)
@pytest.mark.parametrize("indent", [None, 2])
def test_one_document_is_one_record(tmp_path: Path, record: object, indent: int | None) -> None:
    assert reasons(ingested(tmp_path / "record.json", json.dumps(record, indent=indent))) == ["taken"]


def test_lines_of_bare_lists(tmp_path: Path) -> None:
    lines = "".join(json.dumps(said(f"answer {number}")["messages"]) + "\n" for number in range(2))
    assert reasons(ingested(tmp_path / "bare.jsonl", lines)) == ["taken"] * 2


def test_parquet_with_nested_columns_and_with_json_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"messages": [OPENAI["messages"]], "task_id": ["58"]}, strict=False)
    frame.write_parquet(tmp_path / "nested.parquet")
    pl.DataFrame({"messages": [json.dumps(said("text")["messages"])]}).write_parquet(tmp_path / "text.parquet")
    nested, text = ingested(tmp_path)
    assert [call["name"] for call in nested.messages[2]["tool_calls"]] == ["get_order"]
    assert nested.messages[2]["content"] == ""
    assert text.messages[1]["content"] == "text"


def test_parquet_gives_the_same_trajectories_as_json_lines(tmp_path: Path) -> None:
    calls = [
        ("get_order", {"order_id": 17}),
        ("get_user", {"user": {"id": "u1", "tags": ["a", None]}, "verbose": False}),
        ("get_user", {"user": {"name": "Ann"}}),
    ]
    schemas = [
        {"name": "get_order", "parameters": {"type": "object", "properties": {"order_id": {"type": "integer"}}}},
        {"name": "get_user", "parameters": {"type": "object", "properties": {"verbose": {"enum": [True, False]}}}},
    ]
    rows = [
        openai_record(
            USER,
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": name, "arguments": arguments}]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            tools=schemas[: 1 + number % 2],
            reward=None if number else 1.0,
        )
        for number, (name, arguments) in enumerate(calls)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    padded = ingested(tmp_path / "rows.parquet")
    written = ingested(tmp_path / "rows.jsonl", "\n".join(map(json.dumps, rows)))
    assert [json.loads(t.messages[1]["tool_calls"][0]["arguments"]) for t in padded] == [of for _, of in calls]
    assert [t.trajectory_id for t in padded] == [t.trajectory_id for t in written]
    assert [t.tools_json for t in padded] == [t.tools_json for t in written]


def test_a_users_reader_finds_every_column_of_a_parquet_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "column_reader.py").write_text(
        "def read(row):\n"
        "    said = {'role': 'assistant', 'content': row['note'] or 'none'}\n"
        "    return {'messages': [{'role': 'user', 'content': row['q']}, said]}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    pl.DataFrame({"q": ["a", "b"], "note": ["x", None]}).write_parquet(tmp_path / "rows.parquet")
    outcomes = ingested(tmp_path / "rows.parquet", reader="column_reader:read")
    assert [outcome.messages[1]["content"] for outcome in outcomes] == ["x", "none"]


@pytest.mark.slow
def test_damaged_parquet_loses_rows_or_the_rest_but_never_fails(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = [said(os.urandom(1000).hex())["messages"] for _ in range(100)]
    pl.DataFrame({"messages": rows}).write_parquet(path, compression="snappy", row_group_size=25)
    intact = path.read_bytes()
    seen = set()
    for seed in range(40):
        damaged = bytearray(intact)
        place = random.Random(seed)
        for _ in range(6):
            damaged[place.randrange(4, len(damaged) - (8 if seed % 2 else 1000))] ^= 0xFF
        outcomes = reasons(ingested(path, bytes(damaged)))
        assert outcomes
        seen |= set(outcomes)
    assert {"taken", RejectReason.BINARY, RejectReason.INVALID_UTF8} <= seen


def test_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode()
    assert reasons(ingested(tmp_path / "bom.jsonl", content)) == ["taken"] * 3
    content = b"\xef\xbb\xbf" + LIST.encode()
    assert reasons(ingested(tmp_path / "bom.json", content)) == ["taken"] * 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", RejectReason.EMPTY_FILE),
        (b" \n\n", RejectReason.EMPTY_FILE),
        (b"# Data\n\nSee [the paper].\n", RejectReason.NOT_DATA),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", RejectReason.BINARY),
        ("{}".encode("utf-16"), RejectReason.BINARY),
        (b"PAR1 but no more", RejectReason.BINARY),
        (b"\x1f\x8b\x08" + b"\0" * 7 + b"garbage" * 9, RejectReason.BINARY),
        (b"\x28\xb5\x2f\xfdgarbage", RejectReason.BINARY),
        (b'{"messages": [', RejectReason.TRUNCATED),
        (b'{"messages": "abc', RejectReason.TRUNCATED),
        (b'{"messages": oops}', RejectReason.INVALID_JSON),
        (b'{"a": "\xff"}', RejectReason.INVALID_UTF8),
        (b"[" * 100_000, RejectReason.INVALID_JSON),
        (b'{"a":' * 100_000, RejectReason.INVALID_JSON),
        (b"[]", RejectReason.UNKNOWN_FORMAT),
        (b'{"file": "a", "count": 3}', RejectReason.UNKNOWN_FORMAT),
    ],
)
def test_a_file_without_data_is_one_reject(tmp_path: Path, content: bytes, reason: RejectReason) -> None:
    [reject] = ingested(tmp_path / "file.json", content)
    assert isinstance(reject, Reject)
    assert reject.reason is reason, reject.detail
    assert reject.source_uri.endswith("/file.json")
    assert reject.detail
    assert len(reject.raw) <= RAW_LIMIT


def test_a_broken_line_is_named_and_reading_goes_on(tmp_path: Path) -> None:
    lines = LINES.splitlines()
    broken = [lines[0], lines[1][:40], "", '{"a": "\udcff"}', "plain words", "42", lines[2]]
    content = "\n".join(broken).encode(errors="surrogateescape")
    outcomes = ingested(tmp_path / "broken.jsonl", content)
    assert reasons(outcomes) == [
        "taken",
        RejectReason.TRUNCATED,
        RejectReason.INVALID_UTF8,
        RejectReason.INVALID_JSON,
        RejectReason.UNKNOWN_FORMAT,
        "taken",
    ]
    assert [outcome.source_record for outcome in outcomes] == list(range(6))
    assert [outcome.detail.partition(":")[0] for outcome in outcomes[1:5]] == ["line 2", "line 4", "line 5", "line 6"]


def test_a_broken_first_line_under_another_name(tmp_path: Path) -> None:
    content = LINES.splitlines()[0][:50] + "\n" + LINES
    assert reasons(ingested(tmp_path / "data.txt", content)) == [RejectReason.TRUNCATED, "taken", "taken", "taken"]


def test_truncated_compression_keeps_what_was_read(tmp_path: Path) -> None:
    lines = "".join(json.dumps(said(os.urandom(5000).hex())) + "\n" for _ in range(50)).encode()
    for name, content in (("a.gz", gzip.compress(lines)), ("b.zst", zstandard.ZstdCompressor().compress(lines))):
        outcomes = reasons(ingested(tmp_path / name, content[: len(content) // 2]))
        assert outcomes[-1] is RejectReason.TRUNCATED
        assert 5 < outcomes.count("taken") < 50
        assert len(outcomes) == outcomes.count("taken") + 1


def test_a_truncated_list_keeps_the_elements_before(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "cut.json", LIST[:-60])
    assert reasons(outcomes) == ["taken", "taken", RejectReason.TRUNCATED]
    assert outcomes[2].detail.startswith("element 2")


def test_a_truncated_list_of_messages_is_one_reject(tmp_path: Path) -> None:
    content = json.dumps(OPENAI["messages"])[:-20]
    assert reasons(ingested(tmp_path / "cut.json", content)) == [RejectReason.TRUNCATED]


def test_a_large_list_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "STREAM_ABOVE", 100)
    streamed = ingested(tmp_path / "list.json", LIST)
    monkeypatch.undo()
    assert streamed == ingested(tmp_path / "list.json")


LONG = {"id": 123456789012345678901234, "high": 2**64, "low": -(2**63) - 1, "share": 0.12345678901234567890, "n": 17}


@pytest.mark.parametrize("layout", ["document", "lines", "list", "streamed"])
def test_integers_of_any_length_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    call = {"id": "c1", "function": {"name": "get_order", "arguments": LONG}}
    record = openai_record(USER, {"role": "assistant", "tool_calls": [call]}, task_id=2**70)
    if layout == "streamed":
        monkeypatch.setattr(decoding, "STREAM_ABOVE", 100)
    text = json.dumps(
        [record] if layout in ("list", "streamed") else record, indent=1 if layout == "document" else None
    )
    [trajectory, *_] = ingested(tmp_path / "long.json", text + "\n{}" if layout == "lines" else text)
    assert json.loads(trajectory.messages[1]["tool_calls"][0]["arguments"]) == LONG
    assert trajectory.task_id == str(2**70)


def test_what_was_rejected_is_shown_with_its_long_integers(tmp_path: Path) -> None:
    [reject] = ingested(tmp_path / "long.json", json.dumps(LONG))
    assert json.loads(reject.raw) == LONG


def test_an_integer_that_python_refuses_to_read_is_a_reject(tmp_path: Path) -> None:
    content = json.dumps(said("one")) + '\n{"n": ' + "9" * 5000 + "}\n" + json.dumps(said("two"))
    assert reasons(ingested(tmp_path / "long.jsonl", content)) == ["taken", RejectReason.INVALID_JSON, "taken"]


@pytest.mark.slow
def test_a_line_of_50_mb(tmp_path: Path) -> None:
    content = json.dumps(said("x" * 50_000_000)) + "\n" + LINES
    assert reasons(ingested(tmp_path / "large.jsonl", content)) == ["taken"] * 4
    outcomes = ingested(tmp_path / "large.jsonl", max_record_mb=1)
    assert reasons(outcomes) == [RejectReason.RECORD_TOO_LARGE, "taken", "taken", "taken"]
    assert "max_record_mb" in outcomes[0].detail


def test_a_document_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "STREAM_ABOVE", 1000)
    content = json.dumps(said("x" * 1_100_000), indent=1)
    assert reasons(ingested(tmp_path / "large.json", content, max_record_mb=1)) == [RejectReason.RECORD_TOO_LARGE]
    assert reasons(ingested(tmp_path / "large.json", max_record_mb=2)) == ["taken"]


def test_what_python_writes_and_json_forbids(tmp_path: Path) -> None:
    record = {**said("half a \ud83d face"), "score": float("nan")}
    [taken] = ingested(tmp_path / "python.json", json.dumps(record))
    assert taken.messages[1]["content"] == "half a \ufffd face"
    assert taken.reward is None
    assert json.loads(taken.metadata_json, parse_constant=pytest.fail) == {"format": "openai"}


def test_mixed_formats_in_one_file(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(record) for record in (OPENAI, SHAREGPT, [USER, {"role": "gpt", "content": "Hm."}]))
    outcomes = ingested(tmp_path / "mixed.jsonl", lines)
    assert [json.loads(outcome.metadata_json)["format"] for outcome in outcomes] == ["openai", "sharegpt", "openai"]
