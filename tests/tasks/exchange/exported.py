"""Pivots of every kind of action, and their rows in a format."""

import json
from pathlib import Path
from typing import Any

from tasks.exchange.export import export
from tasks.exchange.pivots import Pivot, parts
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import trajectory
from tests.pivots import conversation

PARTS = [
    [trajectory(0, conversation(0)), trajectory(1, conversation(1), toolset_id="", task_id="")],
    [trajectory(2, conversation(2))],
    [trajectory(3, conversation(3))],
]
PIVOTS = [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (3, 4)]
"""One of each kind of action, one without tools and task, and a part without any."""


def written(store: Store, ref: Ref, format_name: str, folder: Path) -> list[dict[str, Any]]:
    output = folder / f"{format_name}.jsonl"
    result = export(store, ref, format_name, output)
    lines = output.read_bytes().splitlines()
    assert result["rows"] == len(lines) == len(PIVOTS) and result["bytes"] == output.stat().st_size
    return [json.loads(line) for line in lines]


def exported(store: Store, ref: Ref) -> list[Pivot]:
    return [pivot for part in parts(store, ref) for pivot in part]
