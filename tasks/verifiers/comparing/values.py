"""Two JSON values under a JSON schema: are they the same argument?

Numbers are compared by value, and integers exactly, since they may be identifiers. Enums and booleans are compared
exactly, texts as the comparer says, objects key by key, lists in order or as multisets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.policy.tool_schemas import ABSENT, Parameters, is_enumerated
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.text import literals, normalised, token_similarity
from tasks.verifiers.verdict import Reason, excerpt

LONGEST_UNORDERED = 64
"""Items of a list that is compared as a multiset, item against item; a longer list is compared in order."""

Difference = tuple[Reason, str]


class Comparer(BaseModel):
    """How the values of an argument are compared. Enums are always exact. So are identifiers within texts: a value
    without white space, and every word with a digit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Literal["exact", "normalised", "similar", "any"] = Field(
        "exact",
        description="exact: the same text; normalised: but for case and white space; similar: min_similarity; "
        "any: any text that is not empty.",
    )
    min_similarity: float = Field(
        0.6, gt=0, le=1, description="Token-set similarity that similar texts must reach; 1 = the same words."
    )
    number_tolerance: float = Field(
        1e-6, ge=0, description="Largest difference between equal numbers, relative to the larger (absolute under 1)."
    )
    unordered: bool = Field(
        False, description="Whether a list of up to 64 items may be in any order; lists inside it may not."
    )


def differing_argument(
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    parameters: Parameters,
    default: Comparer,
    comparers: Mapping[str, Comparer] = MappingProxyType({}),
) -> Difference | None:
    """The first argument that makes two argument objects differ, and why; None where they are the same.

    An argument on one side only is compared with its default; without a default, it makes them differ.
    """
    # No key is skipped: through that hole calls with a dropped parameter passed in public code.
    common = 0
    for key, expected_value in expected.items():
        value = actual.get(key, ABSENT)
        if value is ABSENT:
            value = parameters.default(key)
            if value is ABSENT and expected_value is None and parameters.optional(key):
                continue
            if value is ABSENT:
                return Reason.MISSING_ARGUMENT, f"{key} is absent"
        else:
            common += 1
            if type(expected_value) is type(value) is str and expected_value == value:
                continue
        if not same_value(expected_value, value, parameters.schema(key), comparers.get(key, default)):
            return Reason.WRONG_ARGUMENT, f"{key} is {excerpt(value)}, expected {excerpt(expected_value)}"
    if common == len(actual):
        return None
    for key in actual:  # and not over a difference of sets, whose order changes from process to process
        if key in expected:
            continue
        default_value = parameters.default(key)
        if default_value is ABSENT:
            if actual[key] is None and parameters.optional(key):
                continue
            return Reason.EXTRA_ARGUMENT, f"{key} is surplus"
        if not same_value(default_value, actual[key], parameters.schema(key), comparers.get(key, default)):
            return Reason.EXTRA_ARGUMENT, f"{key} is {excerpt(actual[key])}, its default is {excerpt(default_value)}"
    return None


def same_value(expected: Any, actual: Any, schema: Mapping[str, Any], comparer: Comparer) -> bool:
    """Whether two values of one argument are the same."""
    if isinstance(expected, str) and isinstance(actual, str):
        return expected == actual or (
            comparer.text != "exact" and not is_enumerated(schema) and _same_text(expected, actual, comparer)
        )
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return expected == actual or (_close(expected, actual, comparer.number_tolerance) and not is_enumerated(schema))
    if isinstance(expected, list) and isinstance(actual, list):
        return _same_list(expected, actual, schema, comparer)
    if isinstance(expected, dict) and isinstance(actual, dict):
        inner = Parameters.of(schema)
        return differing_argument(expected, actual, inner, comparer) is None
    return False


def _same_text(expected: str, actual: str, comparer: Comparer) -> bool:
    """Whether a comparer that is not exact takes two different texts. Identifiers and numbers must agree."""
    if comparer.text == "any":
        return bool(actual.strip())
    if literals(expected) != literals(actual):
        return False
    if comparer.text == "normalised":
        return normalised(expected) == normalised(actual)
    return token_similarity(expected, actual) >= comparer.min_similarity


def _close(expected: float, actual: float, tolerance: float) -> bool:
    """Whether two unequal numbers are close."""
    # Whole numbers never are: 1000001 may be another order than 1000000.
    if is_whole(expected) and is_whole(actual):
        return False
    try:
        return math.isclose(expected, actual, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer beyond the floats beside a fraction
        return False


def is_whole(number: float) -> bool:
    """Whether a number is an integer, however it is written."""
    return isinstance(number, int) or number.is_integer()


def _same_list(expected: list[Any], actual: list[Any], schema: Mapping[str, Any], comparer: Comparer) -> bool:
    if len(expected) != len(actual):
        return False
    items = schema.get("items")
    inner: Mapping[str, Any] = items if isinstance(items, dict) else {}
    if all(same_value(a, b, inner, comparer) for a, b in zip(expected, actual, strict=True)):
        return True
    if not comparer.unordered or len(expected) > LONGEST_UNORDERED:
        return False
    within = _in_order(comparer)
    return maximum_matching([[same_value(a, b, inner, within) for b in actual] for a in expected]) == len(expected)


@lru_cache(maxsize=256)
def _in_order(comparer: Comparer) -> Comparer:
    """The comparer for the items of an unordered list."""
    # Lists inside are compared in order: as multisets, each level of nesting would multiply the pairs.
    return comparer.model_copy(update={"unordered": False})
