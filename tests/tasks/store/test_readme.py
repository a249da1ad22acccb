"""The README of an artefact: the folder loads as it is, in Polars, pandas, DuckDB and Hugging Face datasets."""

import importlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tasks.artefact.stage import Artefact
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest, Part
from tasks.store.readme import readme
from tasks.store.store import Store
from tests.builders import trajectory
from tests.pivots import HALF, commit_pivots, conversation

PARTS = [[trajectory(0, conversation(0))], [trajectory(1, conversation(1), domain="retail")]]
REWARDS = {(0, 1): HALF, (0, 3): (0.0,) * 4, (1, 2): (1.0, 1.0, 1.0, 0.0)}


@pytest.fixture
def pivots(store: Store) -> Artefact:
    return commit_pivots(store, PARTS, REWARDS)


def folder(store: Store, stage: str, pivots: Artefact) -> Path:
    return Path(store.objects.full(f"{stage}/{lineage(store, pivots.ref)[stage].version}"))


def front(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_the_card_says_what_it_is_and_where_it_came_from(store: Store, pivots: Artefact) -> None:
    text = (folder(store, "pivots", pivots) / "README.md").read_text()
    about = front(text)
    assert about["license"] == "other" and about["size_categories"] == ["n<1K"] and "pivots" in about["tags"]
    assert [config["config_name"] for config in about["configs"]] == ["pivots", "unselected"]
    assert "- pivots: `2`" in text and "- never_right: `1`" in text
    assert f"- profiles: `{lineage(store, pivots.ref)['profiles'].ref}`" in text and '"max_mean": 0.9' in text


def test_the_same_artefact_has_the_same_card() -> None:
    part = Part(table="states", index=0, key="states-00000-ab.parquet", rows=12_345, bytes=1, sha256="ab")
    made = Manifest(stage="states", version="a", stage_version=1, config={}, inputs={}, parts=(part,))
    later = made.model_copy(update={"created_at": "2026", "seconds": 3.0, "environment": {"python": "3"}})
    assert readme(made) == readme(later)
    assert front(readme(made))["size_categories"] == ["10K<n<100K"]
    assert front(readme(made))["configs"][0]["data_files"] == [{"split": "train", "path": [part.key]}]


def test_a_policys_card_says_with_which_options_it_is_served() -> None:
    options = '{"date": "2026-11-25", "enable_thinking": false}'
    inputs = {"policy": "bb", "model_options": options}
    policy = Manifest(stage="policies", version="aa", stage_version=1, config={}, inputs=inputs, parts=())
    card = readme(policy)
    assert "vllm serve FOLDER --default-chat-template-kwargs '{\"enable_thinking\": false}'" in card
    assert "named 2026-11-25 as today's date" in card
    assert "Serve it" not in readme(policy.model_copy(update={"inputs": {"policy": "bb"}}))


def test_a_card_that_a_kill_prevented_is_written_by_the_next_run(store: Store, pivots: Artefact) -> None:
    card = folder(store, "pivots", pivots) / "README.md"
    card.unlink()
    store.objects.put(f"_staging/pivots/{pivots.version}/part-00000.json", b"left by the run that was killed")
    assert commit_pivots(store, PARTS, REWARDS).cached and card.exists()


def loaded(library: str, path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table, in the one line that a user of the library writes."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    pattern = f"{path}/{table}-*.parquet"
    if library == "polars":
        return list(module.read_parquet(pattern).to_dicts())
    if library == "duckdb":
        return list(module.sql(f"select * from '{pattern}'").pl().to_dicts())
    if library == "pandas":
        return pl.from_pandas(module.read_parquet(sorted(path.glob(f"{table}-*.parquet")))).to_dicts()
    return list(module.load_dataset(str(path), table, split="train"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hugging Face's libraries read their environment at import, so their constants are changed too."""
    for module, name in (("datasets.config", "HF_HUB_OFFLINE"), ("huggingface_hub.constants", "HF_HUB_OFFLINE")):
        monkeypatch.setattr(importlib.import_module(module), name, True, raising=False)
    monkeypatch.setattr(importlib.import_module("datasets.config"), "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.parametrize("library", ["polars", "pandas", "duckdb", "datasets"])
@pytest.mark.parametrize("table", ["trajectories", "states", "rollouts", "scores", "profiles", "pivots", "unselected"])
def test_every_table_loads_in_one_line(
    store: Store, pivots: Artefact, library: str, table: str, request: pytest.FixtureRequest
) -> None:
    if library == "datasets":
        pytest.importorskip("datasets", reason="datasets is not installed")
        request.getfixturevalue("offline")
    stage = "pivots" if table == "unselected" else table
    rows = loaded(library, folder(store, stage, pivots), table)
    ref = lineage(store, pivots.ref)[stage].ref
    assert rounded(rows) == rounded(store.read(ref, table).to_dicts())


def rounded(rows: list[dict[str, Any]]) -> Any:
    """A library may read a number of 32 bits as one of 64."""
    return json.loads(json.dumps(rows), parse_float=lambda text: round(float(text), 5))
