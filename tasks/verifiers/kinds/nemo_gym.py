"""`nemo_gym`: decides as NeMo Gym's `single_step_tool_use_with_argument_comparison`, for users who must match it.

It is as loose as the original. A surplus call is free while `parallel_tool_call_rewarding` is off. A boolean passes for
an integer, and an integer does not for a float. A tenth of common words makes two texts equal. It is stricter in one
thing, what cannot be read: arguments with a repeated key or NaN are a parse failure, and an empty message is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from schemas.chat import Action, State, ToolCall
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import both_arguments, wrong_tool
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.verdict import EQUIVALENT, Reason, Verdict, VerifierSection, Verify, excerpt, no

VERSION = 1


class NemoGymSettings(VerifierSection):
    """NeMo Gym's single_step_tool_use_with_argument_comparison, with its names. It is looser than tool_call."""

    kind: Literal["nemo_gym"] = "nemo_gym"
    word_count_similarity_threshold: float = Field(
        0.1,
        ge=0,
        description="Common words / words of both. Identical texts have 0.5, so that a higher threshold refuses all.",
    )
    floating_point_comparison_threshold: float = Field(1e-6, ge=0, description="Equal floats differ by less than this.")
    parallel_tool_call_rewarding: bool = Field(False, description="Whether the number of calls counts.")
    allow_subset: bool = Field(False, description="Whether fewer calls than expected may be rewarded.")
    allow_superset: bool = Field(False, description="Whether more calls than expected may be rewarded.")
    parallel_tool_call_reward_mode: Literal["binary_strict", "fractional", "f1"] = "binary_strict"


def make(settings: NemoGymSettings) -> Verify:
    """The verifier."""

    def verify(_: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if not demonstration.tool_calls:
            return EQUIVALENT
        expected, actual = demonstration.tool_calls, action.tool_calls
        if len(expected) == len(actual) == 1:
            return _compare(expected[0], actual[0], settings)
        if settings.parallel_tool_call_rewarding and not _count_allowed(len(expected), len(actual), settings):
            return no(Reason.CALL_COUNT, f"{len(actual)} calls where {len(expected)} were expected")
        return _credit(_matches(expected, actual, settings), len(expected), len(actual), settings)

    return verify


def _count_allowed(expected: int, actual: int, settings: NemoGymSettings) -> bool:
    return (actual >= expected or settings.allow_subset) and (actual <= expected or settings.allow_superset)


def _matches(expected: Sequence[ToolCall], actual: Sequence[ToolCall], settings: NemoGymSettings) -> int:
    return maximum_matching([[_compare(a, b, settings).reward == 1.0 for b in actual] for a in expected])


def _credit(matched: int, expected: int, actual: int, settings: NemoGymSettings) -> Verdict:
    detail = f"{matched} of {expected} calls are matched, {actual} were given"
    if not settings.parallel_tool_call_rewarding:
        reward = float(matched == expected)
    elif settings.parallel_tool_call_reward_mode == "f1":
        reward = 2 * matched / (expected + actual)
    else:
        required = min(expected, actual) if settings.allow_subset else expected
        share = matched / required
        reward = share if settings.parallel_tool_call_reward_mode == "fractional" else float(share == 1.0)
    reason = Reason.EQUIVALENT if reward == 1.0 else Reason.PARTIAL if reward else Reason.WRONG_ARGUMENT
    return Verdict(reward, reason, detail)


def _compare(expected: ToolCall, actual: ToolCall, settings: NemoGymSettings) -> Verdict:
    if expected["name"] != actual["name"]:
        return wrong_tool(expected, actual)
    pair = both_arguments(expected, actual)
    if isinstance(pair, Verdict):
        return pair
    expected_values, actual_values = pair
    if _same(expected_values, actual_values, settings):
        return EQUIVALENT
    return no(Reason.WRONG_ARGUMENT, f"{excerpt(actual_values)}, expected {excerpt(expected_values)}")


def _same(expected: Any, actual: Any, settings: NemoGymSettings) -> bool:
    if not isinstance(actual, type(expected)):
        return False
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(_same(expected[k], actual[k], settings) for k in expected)
    if isinstance(expected, list):
        pairs = zip(expected, actual, strict=False)
        return len(expected) == len(actual) and all(_same(a, b, settings) for a, b in pairs)
    if isinstance(expected, float):
        return bool(abs(expected - actual) < settings.floating_point_comparison_threshold)
    if isinstance(expected, str):
        return _same_words(expected, actual, settings.word_count_similarity_threshold)
    return bool(expected == actual)


def _same_words(expected: str, actual: str, threshold: float) -> bool:
    a, b = Counter(expected.lower().split()), Counter(actual.lower().split())
    if min(a.total(), b.total()) < 2:
        return expected == actual
    return (a & b).total() / (a.total() + b.total()) >= threshold
