"""Rewards and flags in every form that files have."""

from typing import Any

import pytest

from tasks.stages.ingest.reward import outcome


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"reward": 1}, (1.0, True)),
        ({"reward": 0.0}, (0.0, False)),
        ({"reward": 0.5}, (0.5, False)),
        ({"reward": True}, (1.0, True)),
        ({"reward": "failure"}, (0.0, False)),
        ({"reward": "0.25"}, (0.25, False)),
        ({"reward_info": {"reward": 1.0}}, (1.0, True)),
        ({"task_success": "success"}, (1.0, True)),
        ({"success": False}, (0.0, False)),
        ({"win": True, "reward": 0.9}, (0.9, True)),
        ({"reward": None}, (None, None)),
        ({"reward": float("nan")}, (None, None)),
        ({"exit_status": "submitted"}, (None, None)),
    ],
)
def test_outcomes(record: dict[str, Any], expected: tuple[float | None, bool | None]) -> None:
    assert outcome(record) == expected


def test_the_first_key_that_says_something_decides() -> None:
    assert outcome({"reward": "unclear", "reward_info": {"reward": 0.5}, "score": 1}) == (0.5, False)
    assert outcome({"task_success": "who knows", "resolved": 1}) == (1.0, True)


def test_a_number_too_large_for_a_float_says_nothing() -> None:
    assert outcome({"reward": 10**400}) == (None, None)
