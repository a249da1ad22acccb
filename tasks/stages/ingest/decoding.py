"""The JSON values of one file: JSON, JSON lines or Parquet, plain or compressed with gzip or zstd.

The content decides which of these a file is.

Memory holds one line of JSON lines, and PARQUET_ROWS rows of Parquet. A JSON document is read whole, because its fields
may come in any order; only a list above STREAM_ABOVE bytes is streamed, element by element.

What cannot be decoded is a Fault in place of a value, and reading goes on behind it where it can. Errors of the disk or
the network are raised: they say nothing about the data, and a retry may succeed.
"""

from __future__ import annotations

import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ijson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from schemas.rejects import RAW_LIMIT, RejectReason
from tasks.stages.ingest.containers import is_turn
from tasks.stages.ingest.json_values import Fault, Value, decoded, parsed_elements
from tasks.stages.ingest.source import SourceFile

STREAM_ABOVE = 64 << 20
"""Bytes above which a list is streamed."""
PARQUET_ROWS = 32
_Stream = io.BufferedReader | gzip.GzipFile
_BOM = b"\xef\xbb\xbf"
_LINE_NAMES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    data: bytes
    too_large: bool

    @property
    def where(self) -> str:
        return f"line {self.number}"


def values(file: SourceFile, max_bytes: int) -> Iterator[Value | Fault]:
    """Every value of the file. `max_bytes` bounds a line, and a document that cannot be streamed.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with _opened(file) as stream:
            yield from _values(file, stream, max_bytes)
    except EOFError as error:
        yield Fault(RejectReason.TRUNCATED, f"the compressed data ends in the middle: {error}", "end of file")
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError, pa.ArrowException) as error:
        yield Fault(RejectReason.BINARY, f"damaged data: {error}", "")


def _values(file: SourceFile, stream: _Stream, max_bytes: int) -> Iterator[Value | Fault]:
    head = stream.peek(4)
    if head[:4] == b"PAR1":
        yield from _parquet(file)
        return
    if b"\0" in head:
        yield Fault(
            RejectReason.BINARY, "zero bytes: neither UTF-8 text nor Parquet, gzip or zstd", "", head[:RAW_LIMIT]
        )
        return
    lines = _lines(stream, max_bytes)
    first, second = next(lines, None), next(lines, None)
    if first is None:
        yield Fault(RejectReason.EMPTY_FILE, "nothing but white space" if head else "no bytes", "")
    elif _is_lines(file, first, second):
        for line in itertools.chain([first], [second] if second else [], lines):
            yield _line_value(line, max_bytes)
    elif first.data[:1] not in (b"{", b"["):
        yield Fault(RejectReason.NOT_DATA, "text that does not begin like JSON", "", first.data[:RAW_LIMIT])
    else:
        yield from _document(file, max_bytes)


@contextmanager
def _opened(file: SourceFile) -> Iterator[_Stream]:
    """The file's decompressed bytes, without a byte order mark."""
    with file.filesystem.open(file.path, "rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        stream: _Stream
        if magic[:2] == b"\x1f\x8b":
            # No BufferedReader around it: where a truncated file ends, filling that buffer would fail and lose the
            # lines before.
            stream = gzip.GzipFile(fileobj=raw)
        elif magic == b"\x28\xb5\x2f\xfd":
            frames: Any = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            stream = io.BufferedReader(frames, buffer_size=1 << 20)
        else:
            stream = io.BufferedReader(raw, buffer_size=1 << 20)
        if stream.peek(3)[:3] == _BOM:
            stream.read(3)
        yield stream


def _lines(stream: _Stream, max_bytes: int) -> Iterator[_Line]:
    """The lines that are not blank, stripped. Of a line that is too large there is only the beginning."""
    for number in itertools.count(1):
        line = stream.readline(max_bytes + 1)
        if not line:
            return
        too_large = len(line) > max_bytes and not line.endswith(b"\n")
        rest = line
        while too_large and rest and not rest.endswith(b"\n"):
            rest = stream.readline(1 << 20)
        data = line[:RAW_LIMIT] if too_large else line.strip()
        if data:
            yield _Line(number, data, too_large)


def _is_lines(file: SourceFile, first: _Line, second: _Line | None) -> bool:
    """Whether the file holds one value per line."""
    if first.data in (b"{", b"["):
        return False
    if file.path.endswith(_LINE_NAMES):
        return True
    # Either of the two may be damaged, and then the other one tells.
    return second is not None and (_is_complete(first) or _is_complete(second))


def _is_complete(line: _Line) -> bool:
    return line.data[:1] in (b"{", b"[") and not line.too_large and isinstance(decoded(line.data, ""), Value)


def _line_value(line: _Line, max_bytes: int) -> Value | Fault:
    if line.too_large:
        detail = f"a line of more than {max_bytes} bytes (ingest.max_record_mb)"
        return Fault(RejectReason.RECORD_TOO_LARGE, detail, line.where, line.data)
    return decoded(line.data, line.where)


def _document(file: SourceFile, max_bytes: int) -> Iterator[Value | Fault]:
    with _opened(file) as stream:
        data = stream.read(STREAM_ABOVE)
        is_list = data.lstrip()[:1] == b"["
        whole = not stream.peek(1)
        if not whole and not is_list:
            data += stream.read(max_bytes + 1 - len(data))
            whole = len(data) <= max_bytes
    if not whole and not is_list:
        detail = f"a document of more than {max_bytes} bytes (ingest.max_record_mb) that is not a list"
        yield Fault(RejectReason.RECORD_TOO_LARGE, detail, "", data[:RAW_LIMIT])
        return
    document = decoded(data, "") if whole else None
    # A damaged list is streamed too: the elements before the damage are as good as the lines before a damaged line.
    if document is not None and not (is_list and isinstance(document, Fault)):
        yield document
    else:
        yield from _elements(file, document if isinstance(document, Fault) else None)


def _elements(file: SourceFile, known: Fault | None) -> Iterator[Value | Fault]:
    """The elements of a list, one by one; a list of messages is one value.

    Args:
        known: what is wrong with the whole document, if it was decoded before.
    """
    with _opened(file) as stream:
        elements = parsed_elements(stream)
        count = 0
        try:
            first = next(elements, None)
            if is_turn(first):
                yield Value([first, *elements], "")
                return
            for element in itertools.chain([first], elements):
                yield Value(element, f"element {count}")
                count += 1
        except (ijson.JSONError, ValueError) as error:
            where = f"element {count}"
            truncated = isinstance(error, ijson.IncompleteJSONError)
            reason = RejectReason.TRUNCATED if truncated else RejectReason.INVALID_JSON
            fault = known or Fault(reason, f"not JSON: {error}", where)
            yield Fault(fault.reason, fault.detail, where, fault.raw)


def _parquet(file: SourceFile) -> Iterator[Value | Fault]:
    try:
        with file.filesystem.open(file.path, "rb") as raw:
            rows = (row for batch in pq.ParquetFile(raw).iter_batches(PARQUET_ROWS) for row in _rows(batch))
            for number, row in enumerate(rows):
                yield _row_value(row, f"row {number}")
    except OSError as error:
        # Arrow reports damaged pages as a plain OSError. Errors of a disk or a network are a subclass or have a number.
        if type(error) is not OSError or error.errno is not None:
            raise
        yield Fault(RejectReason.BINARY, f"damaged data: {error}", "")


def _rows(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(index, 1) for index in range(batch.num_rows))


def _row_value(row: pa.RecordBatch, where: str) -> Value | Fault:
    try:
        # A column stays even where it is null: a user's reader may count on it.
        return Value({name: _without_padding(value) for name, value in row.to_pylist()[0].items()}, where)
    except UnicodeDecodeError as error:
        return Fault(RejectReason.INVALID_UTF8, f"byte {error.start} of a text is not UTF-8: {error.reason}", where)


def _without_padding(value: Any) -> Any:
    """The value without the null fields of its structs."""
    # Arrow gives every struct of a column all the fields that any of them has. The arguments {"order_id": 17} become
    # {"order_id": 17, "user_id": null}, and null can no longer be told from absent.
    if isinstance(value, dict):
        return {name: _without_padding(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_padding(inner) for inner in value]
    return value
