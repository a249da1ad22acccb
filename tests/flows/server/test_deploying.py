from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import EventTrigger
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import cli
from flows.server import deploying
from flows.server.deploying import CRASH_AUTOMATION
from flows.server.reports import serving
from tests.servers import free_port


def refused(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("PREFECT_API_URL", url)
    assert cli.main(["deploy"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"pivotrl: Prefect's server at {url} does not answer, or refuses: ")
    return told


@pytest.mark.slow
def test_a_server_that_does_not_answer_or_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Traceback" not in refused(f"http://127.0.0.1:{free_port()}/api", monkeypatch, capsys)
    with serving(tmp_path, 0) as another:
        assert "501" in refused(f"{another}/api", monkeypatch, capsys)


@pytest.mark.server
def test_the_window_of_crashes_follows_the_heartbeat(server: dict[str, str]) -> None:
    with temporary_settings({PREFECT_API_URL: server["PREFECT_API_URL"]}), get_client(sync_client=True) as client:
        for heartbeat_s in (30, 60, 60):
            deploying._create(client, heartbeat_s)
            (made,) = client.read_automations_by_name(CRASH_AUTOMATION)
            assert isinstance(made.trigger, EventTrigger) and made.trigger.within == timedelta(seconds=3 * heartbeat_s)
            assert made.trigger.expect == {"prefect.flow-run.*"}
            assert made.enabled and made.actions == deploying.crash_automation(heartbeat_s).actions
