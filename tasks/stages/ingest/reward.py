"""The outcome of an episode, in the forms that files use: 0 or 1, floats, flags, "success", `reward_info.reward`."""

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
    """(reward, success) of a record; None for what it does not say.

    A flag without a reward is a reward of 1 or 0. A reward without a flag is a success if it is 1 or more. An exit
    status is no outcome: "submitted" does not mean solved.
    """
    rewards = (_number(record.get(key)) for key in _REWARD_KEYS)
    flags = (_flag(record.get(key)) for key in _SUCCESS_KEYS)
    reward = next((number for number in rewards if number is not None), None)
    success = next((flag for flag in flags if flag is not None), None)
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
