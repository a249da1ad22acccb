"""Files, folders, globs, URLs and worlds; and what their content is."""

import json
import os
from pathlib import Path

import fsspec
import pytest

from schemas.config import IngestConfig
from schemas.rejects import RejectReason
from tasks.errors import ConfigurationError, InputError
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.source import files, source_digest
from tasks.stages.ingest.trajectory import Trajectory
from tests.tasks.stages.ingest.builders import ingested, reasons, said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.json", "a/deep/c.json", "a/d.txt", ".git/e.json", "x[1].json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(said(name)))
    return tmp_path


def names(folder: Path, source: str) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in files(source)]


def test_a_folder_is_read_below_sorted_without_hidden_files(folder: Path) -> None:
    assert names(folder, str(folder)) == ["a/d.txt", "a/deep/c.json", "b.json", "x[1].json"]


def test_globs_and_names_that_look_like_globs(folder: Path) -> None:
    assert names(folder, f"{folder}/**/*.json") == ["a/deep/c.json", "b.json", "x[1].json"]
    assert names(folder, f"{folder}/a*") == ["a/d.txt", "a/deep/c.json"]
    assert names(folder, f"{folder}/x[1].json") == ["x[1].json"]


def test_what_is_not_data_in_a_folder_is_a_reject(folder: Path) -> None:
    (folder / "README.md").write_text("# Runs")
    assert reasons(ingested(folder)).count(RejectReason.NOT_DATA) == 1


@pytest.mark.parametrize("source", ["missing.json", "*.nothing", "nowhere://bucket/key"])
def test_nothing_there(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=r"ingest\.source"):
        files(source if "://" in source else f"{tmp_path}/{source}")


def test_any_fsspec_url() -> None:
    with fsspec.open("memory://ingest-test/a.jsonl", "w") as stream:
        stream.write(json.dumps(said("hello")))
    [taken] = ingest(IngestConfig(source="memory://ingest-test"))
    assert taken.source_uri == "memory:///ingest-test/a.jsonl"
    [digest] = source_digest("memory://ingest-test").values()
    assert len(digest) == 64


def test_the_digest_is_of_the_content_and_not_of_the_date(folder: Path) -> None:
    before = source_digest(str(folder))
    os.utime(folder / "b.json", (1, 1))
    assert source_digest(str(folder)) == before
    (folder / "b.json").write_text(json.dumps(said("another")))
    changed = {uri for uri, digest in source_digest(str(folder)).items() if before[uri] != digest}
    assert changed == {(folder / "b.json").as_uri()}


def test_a_built_in_world() -> None:
    source = "world://desk?episodes=3&seed=1"
    outcomes = list(ingest(IngestConfig(source=source)))
    assert all(isinstance(outcome, Trajectory) for outcome in outcomes)
    assert [outcome.source_record for outcome in outcomes] == [0, 1, 2]
    assert {(outcome.source_uri, outcome.world, outcome.success) for outcome in outcomes} == {(source, "desk", True)}
    assert all(outcome.task_id and outcome.toolset_id for outcome in outcomes)
    assert source_digest(source) != source_digest("world://desk?episodes=3&seed=2")


@pytest.mark.parametrize("source", ["world://desk?episodes=many", "world://desk?n=3"])
def test_a_mistaken_world_url(source: str) -> None:
    with pytest.raises(ConfigurationError, match="world://NAME"):
        list(ingest(IngestConfig(source=source)))


def test_an_unreadable_file_is_an_error_and_not_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("{}")
    [file] = files(str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("a.json")

    monkeypatch.setattr(type(file.filesystem), "open", refuse)
    with pytest.raises(PermissionError):
        list(ingest(IngestConfig(source=str(tmp_path))))
