"""Two JSON values under a JSON schema: are they the same argument?

Numbers are equal by value (an integer exactly, since it may be an identifier), enums and booleans exactly, texts as the
comparer says, objects key by key, lists in order or as multisets.
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
from tasks.verifiers.verdict import Reason, shown

LONGEST_UNORDERED = 64
"""Items of a list that are matched as a multiset, item against item; a longer list is compared in order."""

Difference = tuple[Reason, str]


class Comparer(BaseModel):
    """How the values of an argument are compared. Enums are always exact; so are identifiers among texts: a value
    without white space, and every word with a digit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Literal["exact", "normalised", "similar", "any"] = Field(
        "exact",
        description="exact: the same text; normalised: but for case and white space; similar: min_similarity; "
        "any: whatever was given, as long as something was.",
    )
    min_similarity: float = Field(
        0.6, gt=0, le=1, description="Token-set similarity that similar texts must reach; 1 = the same words."
    )
    number_tolerance: float = Field(
        1e-6, ge=0, description="Largest difference between equal numbers, relative to the larger (absolute under 1)."
    )
    unordered: bool = Field(
        False, description="Whether the order of a list of up to 64 items does not matter (that of lists within does)."
    )


def differing_argument(
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    parameters: Parameters,
    default: Comparer,
    comparers: Mapping[str, Comparer] = MappingProxyType({}),
) -> Difference | None:
    """The first argument that makes two argument objects differ, and why; None where they are the same.

    An argument on one side only is compared with its default; without one, it makes them differ. Keys are never
    skipped: that was the hole through which calls with a dropped parameter passed in public code.
    """
    common = 0
    for key, wanted in expected.items():
        given = actual.get(key, ABSENT)
        if given is ABSENT:
            given = parameters.default(key)
            if given is ABSENT and wanted is None and parameters.optional(key):
                continue
            if given is ABSENT:
                return Reason.MISSING_ARGUMENT, f"{key} is absent"
        else:
            common += 1
            if type(wanted) is type(given) is str and wanted == given:
                continue
        if not same_value(wanted, given, parameters.schema(key), comparers.get(key, default)):
            return Reason.WRONG_ARGUMENT, f"{key} is {shown(given)}, expected {shown(wanted)}"
    if common == len(actual):
        return None
    for key in actual.keys() - expected.keys():
        unsaid = parameters.default(key)
        if unsaid is ABSENT:
            if actual[key] is None and parameters.optional(key):
                continue
            return Reason.EXTRA_ARGUMENT, f"{key} is surplus"
        if not same_value(unsaid, actual[key], parameters.schema(key), comparers.get(key, default)):
            return Reason.EXTRA_ARGUMENT, f"{key} is {shown(actual[key])}, its default is {shown(unsaid)}"
    return None


def same_value(wanted: Any, given: Any, schema: Mapping[str, Any], comparer: Comparer) -> bool:
    """Whether two values of one argument are the same."""
    if isinstance(wanted, str) and isinstance(given, str):
        return wanted == given or (
            comparer.text != "exact" and not is_enumerated(schema) and _same_text(wanted, given, comparer)
        )
    if isinstance(wanted, bool) or isinstance(given, bool) or wanted is None or given is None:
        return wanted is given
    if isinstance(wanted, int | float) and isinstance(given, int | float):
        return wanted == given or (_close(wanted, given, comparer.number_tolerance) and not is_enumerated(schema))
    if isinstance(wanted, list) and isinstance(given, list):
        return _same_list(wanted, given, schema, comparer)
    if isinstance(wanted, dict) and isinstance(given, dict):
        inner = Parameters.of(schema)
        return differing_argument(wanted, given, inner, comparer) is None
    return False


def _same_text(wanted: str, given: str, comparer: Comparer) -> bool:
    """Whether two differing texts are the same to a comparer that is not exact. Identifiers and numbers must agree."""
    if comparer.text == "any":
        return bool(given.strip())
    if literals(wanted) != literals(given):
        return False
    if comparer.text == "normalised":
        return normalised(wanted) == normalised(given)
    return token_similarity(wanted, given) >= comparer.min_similarity


def _close(wanted: float, given: float, tolerance: float) -> bool:
    """Whether two unequal numbers are close; whole numbers never are, for 1000001 may be another order than 1000000."""
    if is_whole(wanted) and is_whole(given):
        return False
    try:
        return math.isclose(wanted, given, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer beyond the floats beside a fraction
        return False


def is_whole(number: float) -> bool:
    """Whether a number is an integer, however it is written."""
    return isinstance(number, int) or number.is_integer()


def _same_list(wanted: list[Any], given: list[Any], schema: Mapping[str, Any], comparer: Comparer) -> bool:
    if len(wanted) != len(given):
        return False
    items = schema.get("items")
    inner: Mapping[str, Any] = items if isinstance(items, dict) else {}
    if all(same_value(a, b, inner, comparer) for a, b in zip(wanted, given, strict=True)):
        return True
    if not comparer.unordered or len(wanted) > LONGEST_UNORDERED:
        return False
    within = _in_order(comparer)
    return maximum_matching([[same_value(a, b, inner, within) for b in given] for a in wanted]) == len(wanted)


@lru_cache(maxsize=256)
def _in_order(comparer: Comparer) -> Comparer:
    """The same for the items of an unordered list: lists within are compared in order, or nesting would multiply the
    pairs."""
    return comparer.model_copy(update={"unordered": False})
