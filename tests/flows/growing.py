"""A store, and a folder of trajectories that grows, for flows that run in this process."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.store.store import Store
from tasks.worlds.demonstrations import records

CHEAP = {
    "model": "desk",
    "rollout": {"samples": 4, "max_tokens": 48},
    "select": {"max_mean": 1.0},
    "train": {"steps": 1, "states_per_step": 4, "samples": 4, "max_tokens": 48, "learning_rate": 5e-4},
    "evaluate": {"states": 12, "samples": 2, "max_tokens": 48, "skills": ["addition"], "items": 4},
}
"""The smallest configuration that runs every stage and measures in domain and out of it."""


@dataclass(frozen=True)
class GrowingData:
    """The folder that a run reads, the store that it writes, and the Prefect server that hears of it."""

    store: Store
    source: Path
    api_url: str

    def add(self, name: str, episodes: int, seed: int) -> None:
        """One more file of demonstrations."""
        lines = [json.dumps(record) for record in records("desk", episodes, seed)]
        (self.source / name).write_text("\n".join(lines))

    def settings(self, **changes: Any) -> dict[str, Any]:
        """A run's changes to the preset `none`."""
        return {**CHEAP, "store": self.store.root, "ingest": {"source": str(self.source)}, **changes}

    def api(self, path: str, body: dict[str, Any]) -> Any:
        """The server's answer."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.api_url}{path}", data=json.dumps(body).encode(), headers=headers)
        return json.loads(urllib.request.urlopen(request, timeout=30).read())
