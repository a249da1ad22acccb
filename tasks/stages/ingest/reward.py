"""The outcome of an episode in the many forms that files have: 0/1, floats, flags, "success", `reward_info.reward`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_WORDS = {
    **dict.fromkeys(
        ("success", "succeeded", "successful", "solved", "resolved", "pass", "passed", "true", "yes"), True
    ),
    **dict.fromkeys(("failure", "failed", "fail", "unsolved", "unresolved", "false", "no"), False),
}
_REWARD_KEYS = ("reward", "reward_info", "score")
_SUCCESS_KEYS = ("task_success", "success", "resolved", "win", "is_correct")


def outcome(record: Mapping[str, Any]) -> tuple[float | None, bool | None]:
    """(reward, success) of a record, None where it says nothing.

    A flag alone is a reward of 1 or 0; a reward alone is a success from 1 up. An exit status is no outcome:
    "submitted" does not mean solved.
    """
    reward = next((found for key in _REWARD_KEYS if (found := _number(record.get(key))) is not None), None)
    success = next((found for key in _SUCCESS_KEYS if (found := _flag(record.get(key))) is not None), None)
    if reward is None and success is not None:
        reward = float(success)
    if success is None and reward is not None:
        success = reward >= 1
    return reward, success


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        return _number(value.get("reward"))
    if isinstance(value, str):
        word = _WORDS.get(value.strip().lower())
        if word is not None:
            return float(word)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    number = _number(value) if isinstance(value, int | float) else None
    return None if number is None else number >= 1
