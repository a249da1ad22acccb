import pytest

from tests.flows.cli.conftest import run


def test_a_deployment_needs_the_address_of_a_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    status, out, err = run(capsys, "deploy")
    assert (status, out) == (2, "")
    assert err.startswith("pivotrl: PREFECT_API_URL is not set") and "pivotrl up" in err


def test_a_heartbeat_that_prefect_does_not_take_is_refused_before_its_import(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "29")
    status, out, err = run(capsys, "deploy")
    assert (status, out) == (2, "") and "FREQUENCY=29: give whole seconds, 30 at least" in err
