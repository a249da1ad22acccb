from __future__ import annotations

from tasks.artefact.fingerprint import canonical
from tasks.verifiers.kinds import JudgeSettings


def test_how_long_and_how_often_is_asked_enters_no_version() -> None:
    before = JudgeSettings(url="http://x/v1", model="m")
    settings = {
        "timeout_s": 1,
        "retries": 9,
        "max_requests": 1,
        "concurrency": 2,
        "ledger": "x",
        "api_key_variable": "K",
    }
    assert canonical(before) == canonical(before.model_copy(update=settings))
    assert canonical(before) != canonical(before.model_copy(update={"votes": 3}))
