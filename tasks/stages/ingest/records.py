"""The records of a source: candidate episodes, as raw JSON values, numbered within their file."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.rejects import RAW_LIMIT, RejectReason
from tasks.stages.ingest.containers import elements, episodes
from tasks.stages.ingest.decoding import values
from tasks.stages.ingest.json_values import Fault
from tasks.stages.ingest.source import SourceFile, WorldSource, files, world_source


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One candidate episode: a line, a row, an element of a list, a simulation. `where` is its place ("line 3")."""

    source_uri: str
    source_record: int
    value: Any
    where: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that was not taken.

    `actions` and `tool_actions` are no columns: they count what had been recognised.
    """

    source_uri: str
    source_record: int
    reason: RejectReason
    detail: str
    raw: str
    actions: int = 0
    tool_actions: int = 0

    def row(self) -> dict[str, Any]:
        """The row of the `rejects` table."""
        return {
            "source_uri": self.source_uri,
            "source_record": self.source_record,
            "reason": self.reason.value,
            "detail": self.detail,
            "raw": self.raw,
        }


def records(source: str, max_record_bytes: int, *, containers: bool = True) -> Iterator[RawRecord | Reject]:
    """Every record of the source, in order of file name and place. What cannot be decoded is a reject in its place.

    A file without anything readable is one reject.

    Args:
        containers: False leaves each line, row or element as it is, for a user's own reader.

    Raises:
        InputError: the source names nothing.
        OSError: a file that is there cannot be read.
    """
    world = world_source(source)
    if world:
        yield from _demonstrations(source, world)
        return
    for file in files(source):
        yield from _file_records(file, max_record_bytes, containers)


def shown(value: Any) -> str:
    """The beginning of a record as text, for the column `raw`."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")[:RAW_LIMIT]
    with suppress(orjson.JSONEncodeError):
        return orjson.dumps(value, default=str).decode(errors="replace")[:RAW_LIMIT]
    # orjson refuses integers beyond 64 bits; the standard library is slower and writes them.
    with suppress(TypeError, ValueError, RecursionError):
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))[:RAW_LIMIT]
    return f"a {type(value).__name__} that cannot be written as JSON"


def _file_records(file: SourceFile, max_bytes: int, containers: bool) -> Iterator[RawRecord | Reject]:
    number = 0
    for decoded in values(file, max_bytes):
        if isinstance(decoded, Fault):
            detail = f"{decoded.where}: {decoded.detail}" if decoded.where else decoded.detail
            yield Reject(file.uri, number, decoded.reason, detail, shown(decoded.raw))
            number += 1
            continue
        for value in episodes(decoded.value) if containers else elements(decoded.value):
            yield RawRecord(file.uri, number, value, decoded.where)
            number += 1


def _demonstrations(source: str, world: WorldSource) -> Iterator[RawRecord]:
    # Imported here, by name: only a world source needs the worlds.
    demonstrations = importlib.import_module("tasks.worlds.demonstrations")
    for number, value in enumerate(demonstrations.records(world.world, world.episodes, world.seed)):
        yield RawRecord(source, number, value)
