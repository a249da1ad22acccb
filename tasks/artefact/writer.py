"""Where a stage puts its rows while it runs. Nothing of it is visible before the commit, and a kill loses little.

<stage>/<version>/states-00003-1f3c....parquet             the rows of part 3, in their final place
_staging/<stage>/<version>/part-00003.json                 the record that part 3 is done: its files, its reasons
_staging/<stage>/<version>/segment-00003-00001.parquet     the second segment of part 3, until the part is done
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import BaseModel

from tasks.artefact.table import Table, validate
from tasks.store.manifest import File, Part, Ref
from tasks.store.store import Store


class PartRecord(BaseModel):
    """What the manifest will say of a part that is done."""

    index: int
    parts: list[Part]
    reasons: dict[str, int] = {}
    summary: dict[str, Any] = {}
    files: list[File] = []


class Writer:
    """Validates and stores the parts of one artefact; used by the stage, or by its child process on the same store."""

    def __init__(self, store: Store, ref: Ref, tables: Mapping[str, Table]) -> None:
        self.store, self.ref, self.tables = store, ref, tables
        self._staging = f"_staging/{ref.stage}/{ref.version}"

    def done(self, index: int) -> bool:
        """Whether this run or an earlier one has finished that part, and its files are still there."""
        try:
            record = self._record(f"part-{index:05d}.json")
        except FileNotFoundError:
            return False
        folder = f"{self.ref.stage}/{self.ref.version}"
        keys = [part.key for part in record.parts] + [file.key for file in record.files]
        return all(self.store.objects.exists(f"{folder}/{key}") for key in keys)

    def write(
        self,
        index: int,
        frames: Mapping[str, pl.DataFrame],
        *,
        reasons: Mapping[str, int] | None = None,
        summary: Mapping[str, Any] | None = None,
        files: list[File] | None = None,
    ) -> None:
        """Store part `index` and record that it is done.

        Args:
            frames: by table.
            reasons: why rows are not there: reason to count.
            summary: for the manifest.
            files: of a policy, which `Store.write_file` has stored already.

        Raises:
            InputError: rows that break the table's schema; the text names table, column and rows.
        """
        parts = []
        for name, frame in frames.items():
            validate(self.tables[name], frame, f"{self.ref} part {index}")
            parts.append(self.store.write_part(self.ref, name, index, frame))
        counts = {reason: count for reason, count in (reasons or {}).items() if count}
        record = PartRecord(index=index, parts=parts, reasons=counts, summary=dict(summary or {}), files=files or [])
        # The record last: a kill before this line leaves files that nothing names, and the part is made again.
        self.store.objects.put(f"{self._staging}/part-{index:05d}.json", record.model_dump_json().encode())

    def end(self, count: int) -> None:
        """Forget staged parts from `count` on: an earlier run, which was killed, may have come to more of them.

        For a stage that makes all parts again and knows only at its end how many there are.
        """
        # Not at the stage's beginning: that would remove what another run of the same artefact is writing.
        for name in self._part_names():
            if int(name.removeprefix("part-").removesuffix(".json")) >= count:
                self.store.objects.remove(f"{self._staging}/{name}")

    def segment(self, index: int, number: int) -> pl.DataFrame | None:
        """A segment of part `index` that this run or an earlier one has finished, or None."""
        try:
            return pl.read_parquet(io.BytesIO(self.store.objects.get(self._segment(index, number))))
        except FileNotFoundError:
            return None

    def write_segment(self, index: int, number: int, frame: pl.DataFrame) -> None:
        """Keep a segment of part `index`, so that the next run goes on after it if this one is killed."""
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        self.store.objects.put(self._segment(index, number), buffer.getvalue())

    def records(self) -> list[PartRecord]:
        """Every finished part, in order."""
        return [self._record(name) for name in self._part_names()]

    def staged(self) -> bool:
        """Whether this run or an earlier one has staged anything."""
        return bool(self.store.objects.names(self._staging))

    def clear(self) -> None:
        """Forget what was staged; after the commit."""
        self.store.objects.remove(self._staging)

    def _part_names(self) -> list[str]:
        return [name for name in self.store.objects.names(self._staging) if name.startswith("part-")]

    def _record(self, name: str) -> PartRecord:
        return PartRecord.model_validate_json(self.store.objects.get(f"{self._staging}/{name}"))

    def _segment(self, index: int, number: int) -> str:
        return f"{self._staging}/segment-{index:05d}-{number:05d}.parquet"


def total_reasons(records: list[PartRecord]) -> Counter[str]:
    """Reason to count, over all parts."""
    counts: Counter[str] = Counter()
    for record in records:
        counts.update(record.reasons)
    return counts
