import logging
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from prefect.states import Failed

from tasks.artefact.stage import Artefact
from tasks.errors import ConfigurationError, NotInStore, StageFailed, StoreError
from tasks.orchestration import stage_task as orchestration
from tasks.store.store import Store
from tests.builders import trajectory
from tests.pivots import HALF, commit_pivots, conversation


def wrapped(fault: Exception) -> StoreError:
    error = StoreError("the store cannot read x")
    error.__cause__ = fault
    return error


NETWORK = [ConnectionResetError("reset"), TimeoutError("slow"), EndpointConnectionError(endpoint_url="http://s3")]
LASTING = [
    StageFailed("empty"),
    ConfigurationError("wrong"),
    NotInStore("gone"),
    StoreError("changed"),
    wrapped(PermissionError("403")),
    wrapped(NoCredentialsError()),
    wrapped(OSError(28, "No space left on device")),
    OSError("disk"),
    ValueError("a bug"),
    KeyError("a bug"),
]


@pytest.mark.parametrize("error", [*NETWORK, *map(wrapped, NETWORK)], ids=repr)
def test_faults_of_the_network_are_tried_again(error: Exception) -> None:
    assert orchestration._should_retry(None, None, Failed(data=error)) is True


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_nothing_else_is(error: Exception) -> None:
    assert orchestration._should_retry(None, None, Failed(data=error)) is False


def test_a_flow_fails_with_a_sentence_also_where_a_task_was_retried_in_vain() -> None:
    def unreachable() -> None:
        raise wrapped(TimeoutError("slow"))

    assert orchestration.fail_without_traceback(unreachable)().message == "the store cannot read x"
    with pytest.raises(StoreError):
        orchestration.fail_without_traceback(unreachable, is_retried=True)()


def test_a_card_that_cannot_be_made_is_a_warning(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = commit_pivots(store, [[trajectory(0, conversation(0))]], {(0, 1): HALF})
    artefact = Artefact(**made.model_dump(exclude={"cached"}), cached=True)
    monkeypatch.setattr(orchestration, "logger", lambda: logging.getLogger("run"))
    (Path(store.root) / "pivots" / artefact.version / "manifest.json").write_text("{")
    assert orchestration.announce(artefact, store).data == artefact
    assert f"{artefact.ref}: no card in the UI: StoreError: " in caplog.text


def test_prefects_own_cache_is_off() -> None:
    @orchestration.stage_task
    def stage() -> int:
        return 1

    assert stage.cache_policy is not None and stage.cache_policy.compute_key(None, {}, {}) is None
    assert stage.persist_result is False
