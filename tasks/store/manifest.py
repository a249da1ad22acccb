"""The manifest of an artefact, `<root>/<stage>/<version>/manifest.json`, for example

    {"stage": "states", "version": "5be1c0e1a9d04b7f", "stage_version": 1, "schema_version": 1,
     "config": {"by": "task", ...}, "inputs": {"trajectories": "trajectories@90ab..."},
     "parts": [{"table": "states", "index": 0, "key": "states-00000-1f3c...parquet", "rows": 512, "bytes": 40112,
                "sha256": "1f3c..."}],
     "files": [], "reasons": {"canned": 64}, "summary": {}, "seconds": 0.4, "created_at": "2026-11-22T10:00:00Z",
     "environment": {...}}

An artefact exists if and only if its manifest does. Everything before `seconds` is a function of the configuration and
the inputs, except where an engine samples (see `digest`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ref(_Record):
    """The name of an artefact: its stage and its version, `states@5be1c0e1a9d04b7f`."""

    stage: str
    version: str

    def __str__(self) -> str:
        return f"{self.stage}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The reference that `str` wrote."""
        stage, _, version = text.partition("@")
        return cls(stage=stage, version=version)


class Part(_Record):
    """One Parquet file. Its rows belong to the trajectories of the part with the same index."""

    table: str
    index: int
    key: str
    rows: int
    bytes: int
    sha256: str


class File(_Record):
    """One file of a policy: `name` is its path inside the model folder."""

    name: str
    key: str
    bytes: int
    sha256: str


class Manifest(_Record):
    """What an artefact consists of, what it was made from and how."""

    stage: str
    version: str
    stage_version: int
    schema_version: int = 1
    config: dict[str, Any]
    inputs: dict[str, str]
    parts: tuple[Part, ...]
    files: tuple[File, ...] = ()
    reasons: dict[str, int] = {}
    summary: dict[str, Any] = {}
    seconds: float = 0.0
    created_at: str = ""
    environment: dict[str, str] = {}

    @property
    def ref(self) -> Ref:
        """The artefact's name."""
        return Ref(stage=self.stage, version=self.version)

    @property
    def rows(self) -> int:
        """Rows of the table that bears the artefact's name."""
        return sum(p.rows for p in self.parts if p.table == self.stage)

    @property
    def bytes(self) -> int:
        """Size of all parts and files."""
        return sum(p.bytes for p in self.parts) + sum(f.bytes for f in self.files)

    @property
    def digest(self) -> str:
        """A hash of the content, sixteen hexadecimal digits.

        The version does not tell: sampled again after it was deleted, an artefact has the same version and other rows.
        """
        contents = [*(part.sha256 for part in self.parts), *(file.sha256 for file in self.files)]
        return hashlib.sha256("".join(contents).encode()).hexdigest()[:16]

    def table(self, name: str) -> list[Part]:
        """The parts of one table, in order."""
        return sorted((p for p in self.parts if p.table == name), key=lambda p: p.index)
