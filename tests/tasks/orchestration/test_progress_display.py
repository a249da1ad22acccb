"""Progress and plots in Prefect's UI, read back from a real server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.children.progress import Update
from tasks.orchestration import progress_display
from tasks.orchestration.progress_display import ProgressDisplay

LOG = logging.getLogger("test_progress_display")


@pytest.fixture
def _connected(server: dict[str, str]) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: server["PREFECT_API_URL"]}):
        yield


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves on."""
    value = [100.0]
    monkeypatch.setattr("tasks.orchestration.progress_display.time.monotonic", lambda: value[0])
    return value


def values_of(updates: Sequence[Update]) -> str:
    return "data:" + ",".join(str(update.values["loss"]) for update in updates)


def artifacts() -> dict[str, list[Artifact]]:
    """Of this server, by key, as they are now."""
    by_key: dict[str, list[Artifact]] = {}
    with get_client(sync_client=True) as client:
        for artifact in client.read_artifacts():
            by_key.setdefault(str(artifact.key), []).append(artifact)
    return by_key


@pytest.mark.server
@pytest.mark.usefixtures("_connected")
def test_one_artefact_of_each_kind_moves_on_and_ends_complete(now: list[float]) -> None:
    seen = []

    @flow
    def stage() -> None:
        display = ProgressDisplay(LOG, values_of)
        for done in range(1, 6):
            display.show(Update("Train it", done, 5, f"note {done}", {"loss": float(done)}))
            seen.append({key: [a.data for a in of] for key, of in artifacts().items()})
            now[0] += 6

    stage()
    assert [s["train-it-progress"] for s in seen] == [[20], [20], [60], [60], [100]]
    plots = [s["train-it-plot"] for s in seen]
    assert plots[1] == ["![Train it](data:1.0)"]
    assert plots[4] == ["![Train it](data:1.0,2.0,3.0,4.0,5.0)"]
    (progress,) = artifacts()["train-it-progress"]
    assert progress.description == "Train it: 5 of 5 note 5"


@pytest.mark.server
@pytest.mark.usefixtures("_connected")
def test_what_brings_no_values_has_no_plot() -> None:
    @flow
    def stage() -> None:
        ProgressDisplay(LOG, values_of).show(Update("sampling", 1, 4))

    stage()
    assert "sampling-plot" not in artifacts() and "sampling-progress" in artifacts()


def test_a_plot_that_cannot_be_drawn_is_told_once_and_stops_nothing(
    now: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(progress_display, "create_progress_artifact", lambda *arguments: shown.append(arguments))
    monkeypatch.setattr(progress_display, "update_progress_artifact", lambda *arguments: shown.append(arguments))
    display = ProgressDisplay(LOG, values_of)
    for done in range(3):
        display.show(Update("x", done, 9, "", {"another": 1.0}))
        now[0] += 60
    assert len(shown) == 3
    assert [record.getMessage() for record in caplog.records] == ["x: no further plot in the UI: KeyError: 'loss'"]


def test_a_server_that_refuses_is_told_once_and_stops_nothing(
    now: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(progress_display, "create_progress_artifact", refuse)
    display = ProgressDisplay(LOG)
    for done in range(3):
        display.show(Update("x", done, 9))
        now[0] += 60
    assert len(asked) == 1
    assert [record.getMessage() for record in caplog.records if "no route" in record.getMessage()]
