"""An episode as its format reads it: messages in our form, not yet merged or linked. Here too is what formats share."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.chat import Message
from schemas.rejects import RejectReason

ID_LENGTH = 16
"""Hexadecimal digits of an id: 64 bits, so that among a million trajectories two share an id with probability 3e-8."""
_LONGEST_TEXT = 200


class Rejected(Exception):
    """A record that cannot be taken; ingest turns it into a row of `rejects`."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode.

    `messages` may hold consecutive assistant messages, repeated call ids, and tool messages whose `tool_call_id` is ""
    or unknown; linkage.py mends that. `tools` is whatever the source has; tools.py gives it one form.
    """

    messages: list[Message]
    tools: Any = None
    task_id: str = ""
    domain: str = ""
    world: str = ""
    reward: float | None = None
    success: bool | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def json_text(value: Any) -> str:
    """A value as compact JSON, other alphabets readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def content_id(content: bytes) -> str:
    """An id that depends on the content alone."""
    return hashlib.sha256(content).hexdigest()[:ID_LENGTH]


def as_list(value: Any) -> list[Any] | None:
    """A list, or one stored as JSON text as Parquet sets do it; None for anything else."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def as_id(*candidates: Any) -> str:
    """The first candidate that is a number or a text, as text; "" if none is."""
    for candidate in candidates:
        if isinstance(candidate, str | int | float) and not isinstance(candidate, bool) and candidate != "":
            return str(candidate)
    return ""


def small_fields(record: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """The finite numbers, flags and short texts of a record. They go into the metadata."""
    return {
        key: value
        for key, value in record.items()
        if key not in without
        and (
            isinstance(value, bool | int)
            or (isinstance(value, float) and math.isfinite(value))
            or (isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT)
        )
    }
