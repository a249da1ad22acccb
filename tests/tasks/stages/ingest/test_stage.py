"""Inputs and parts of an artefact of trajectories, and what a killed run leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.config import IngestConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.writer import Writer
from tasks.errors import StageFailed
from tasks.stages.ingest.stage import STAGE, inputs, write_trajectories
from tasks.store.store import Store
from tests.tasks.stages.ingest.builders import OPENAI, said


class Killed(BaseException):
    """The end of the process."""


def trajectories(store: Store, config: IngestConfig) -> Artefact:
    return obtain(STAGE, config, inputs(config), store, lambda writer: write_trajectories(writer, config))


def test_a_killed_run_leaves_no_parts_to_one_that_comes_to_fewer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user mended what their reader imports, which the version does not know of."""
    (tmp_path / "kept_reader.py").write_text(
        "import kept\ndef read(row):\n    return row if kept.takes(row) else None\n"
    )
    (tmp_path / "kept.py").write_text("def takes(row):\n    return True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import kept  # type: ignore[import-not-found]

    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(json.dumps({**said(f"answer {n}"), "n": n}) for n in range(12)))
    config = IngestConfig(source=str(source), reader="kept_reader:read", part_size=2)
    write = Writer.write

    def killed(self: Writer, index: int, *rest: Any, **named: Any) -> None:
        if index == 5:
            raise Killed
        write(self, index, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", killed)
        with pytest.raises(Killed):
            trajectories(store, config)
    monkeypatch.setattr(kept, "takes", lambda row: row["n"] % 3 == 0)
    artefact = trajectories(store, config)
    assert (artefact.rows, artefact.reasons) == (4, {"reader_failed": 8})
    assert store.read(artefact.ref)["source_record"].to_list() == [0, 3, 6, 9]
    assert store.read(artefact.ref, "rejects").height == 8


def test_a_source_of_which_nothing_is_taken_is_told_with_the_first_of_each_reason(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"turns": 3}) + "\n" + json.dumps({"messages": [], "tools": []}) + "\n{")
    with pytest.raises(StageFailed) as caught:
        trajectories(store, IngestConfig(source=str(source)))
    told = str(caught.value)
    assert f"{source.as_uri()}: line 1: no reader recognises this" in told and "line 2: " in told and "line 3" in told
    assert "ingest.reader=module:function" in told


def test_calls_without_tools_are_counted(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in (OPENAI, {**OPENAI, "tools": []}, said("no call"))))
    artefact = trajectories(store, IngestConfig(source=str(source)))
    assert (artefact.rows, artefact.reasons) == (3, {"without_tools": 1})


def test_a_toolset_is_written_once_and_parts_hold_what_was_asked_for(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    rows = [{**OPENAI, "messages": [*OPENAI["messages"][:-1], *said(f"answer {n}")["messages"]]} for n in range(5)]
    source.write_text("\n".join(map(json.dumps, [*rows, said("no tools")])))
    artefact = trajectories(store, IngestConfig(source=str(source), part_size=2))
    assert [part.height for _, part in store.parts(artefact.ref)] == [2, 2, 2, 0]
    toolsets = store.read(artefact.ref, "toolsets")
    assert toolsets.height == 1
    assert set(store.read(artefact.ref)["toolset_id"]) == {"", toolsets["toolset_id"][0]}


def test_the_inputs_follow_the_source_and_the_code_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text("{}")
    (tmp_path / "versioned_reader.py").write_text("def read(row):\n    return row\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = IngestConfig(source=str(source))
    first, read = inputs(plain), inputs(plain.model_copy(update={"reader": "versioned_reader:read"}))
    assert set(first) == {"source"} and set(read) == {"source", "reader"} and read["source"] == first["source"]
    source.write_text("[]")
    assert inputs(plain) != first
