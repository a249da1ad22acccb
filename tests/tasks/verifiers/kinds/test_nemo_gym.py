from __future__ import annotations

from typing import Any

import pytest

from tasks.verifiers.kinds import NemoGymSettings
from tests.tasks.verifiers.asking import call, calls, says, verdict


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1, True, True),
        (True, 1, False),
        (1.0, 1, False),
        (1, 1.0, False),
        (1.0, 1.0 + 9e-7, True),
        (1.0, 1.0 + 2e-6, False),
        (None, None, True),
        (None, 0, False),
        ("ls", "ls -la", False),
        ("ls -la", "ls", False),
        ("Ab", "ab", False),
        ("one two", "ONE three", True),
        ("a b c d e f", "a u v w x", False),
        ("a b c d e f g h", "a 1 2 3 4 5 6 7 8 9 0", False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
    ],
)
def test_values(expected: Any, actual: Any, same: bool) -> None:
    assert verdict(NemoGymSettings(), call("t", x=expected), call("t", x=actual)).reward == float(same)


def test_identical_texts_reach_one_half_only() -> None:
    strict = NemoGymSettings(word_count_similarity_threshold=0.51)
    assert verdict(strict, call("t", x="a b"), call("t", x="a  b")).reward == 0.0
    assert (
        verdict(NemoGymSettings(word_count_similarity_threshold=0.5), call("t", x="a b"), call("t", x="b a")).reward
        == 1
    )


def test_any_message_passes_for_a_message_and_no_call_does() -> None:
    assert verdict(NemoGymSettings(), says("yes"), says("no")).reward == 1.0
    assert verdict(NemoGymSettings(), says("yes"), call("t")).reward == 0.0
    assert verdict(NemoGymSettings(), call("t"), says("t")).reward == 0.0


ON = {"parallel_tool_call_rewarding": True}
SUBSET, SUPERSET = {"allow_subset": True}, {"allow_superset": True}
FRACTIONAL, F1 = {"parallel_tool_call_reward_mode": "fractional"}, {"parallel_tool_call_reward_mode": "f1"}


@pytest.mark.parametrize(
    ("settings", "expected", "actual", "reward"),
    [
        ({}, "ab", "ba", 1.0),
        ({}, "ab", "abx", 1.0),
        ({}, "a", "xa", 1.0),
        ({}, "ab", "a", 0.0),
        ({}, "aa", "a", 0.0),
        (ON, "ab", "abx", 0.0),
        (ON, "ab", "a", 0.0),
        (ON, "a", "a", 1.0),
        ({**ON, **SUPERSET}, "ab", "abx", 1.0),
        ({**ON, **SUBSET}, "ab", "a", 1.0),
        ({**ON, **SUBSET}, "ab", "x", 0.0),
        ({**ON, **FRACTIONAL}, "ab", "ax", 0.5),
        ({**ON, **FRACTIONAL, **SUBSET}, "abc", "ax", 0.5),
        ({**ON, **FRACTIONAL, **SUPERSET}, "ab", "axy", 0.5),
        ({**ON, **F1, **SUPERSET}, "ab", "abxyz", 4 / 7),
        ({**ON, **F1, **SUBSET}, "ab", "a", 2 / 3),
        ({**ON, **F1}, "ab", "a", 0.0),
    ],
)
def test_several_calls(settings: dict[str, Any], expected: str, actual: str, reward: float) -> None:
    pair = (calls(*(("t", {"x": letter}) for letter in letters)) for letters in (expected, actual))
    assert verdict(NemoGymSettings(**settings), *pair).reward == pytest.approx(reward)
