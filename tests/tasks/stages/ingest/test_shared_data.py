"""Real files, where they are beside the checkout: exactly the counts that someone else made."""

import json
import time
from pathlib import Path

import pytest

from schemas.config import IngestConfig
from tasks.stages.ingest.ingestion import Counts, SourceCounts, ingest

DATA = Path(__file__).parents[4].parent / "shared" / "data"
EXPECTED = json.loads((DATA / "COUNTS.json").read_text()) if DATA.exists() else []
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the real trajectories are not in the repository")


@pytest.fixture(scope="module")
def counted() -> tuple[dict[str, SourceCounts], float]:
    """Counts by URI, and the seconds that all files took."""
    counts = Counts()
    started = time.perf_counter()
    for outcome in ingest(IngestConfig(source=str(DATA))):
        counts.add(outcome)
    return counts.by_source, time.perf_counter() - started


@needs_data
@pytest.mark.parametrize("expected", EXPECTED, ids=[entry["file"] for entry in EXPECTED])
def test_counts(expected: dict[str, int | str], counted: tuple[dict[str, SourceCounts], float]) -> None:
    counts = counted[0][f"file://{DATA}/{expected['file']}"]
    assert {key: expected[key] for key in ("trajectories", "actions", "tool_actions")} == {
        "trajectories": counts["trajectories"],
        "actions": counts["actions"],
        "tool_actions": counts["tool_actions"],
    }
    assert counts["records"] == counts["trajectories"] + expected["empty"]
    assert counts["rejected"] == counts["duplicates"] + expected["empty"]


@needs_data
def test_every_file_is_accounted_for_in_time(counted: tuple[dict[str, SourceCounts], float]) -> None:
    by_source, seconds = counted
    assert by_source.keys() == {f"file://{path}" for path in DATA.rglob("*") if path.is_file()}
    assert all(counts["records"] > 0 for counts in by_source.values())
    assert seconds < 10


@needs_data
def test_the_records_that_are_stored_twice_are_duplicates(counted: tuple[dict[str, SourceCounts], float]) -> None:
    duplicates = {uri.rpartition("/")[2]: of["duplicates"] for uri, of in counted[0].items() if "/tau2_sft/" in uri}
    assert duplicates == {"sft-v1-small.json": 0, "test_sft-v1-small.jsonl": 12, "train_sft-v1-small.jsonl": 15}
