from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.policy.tool_schemas import UNKNOWN, Parameters
from tasks.verifiers.comparing.values import (
    LONGEST_UNORDERED,
    Comparer,
    differing_argument,
    is_whole,
    same_value,
)
from tasks.verifiers.verdict import Reason

SCHEMA = {
    "properties": {"id": {"type": "string"}, "n": {"type": "integer", "default": 1}, "note": {"type": "string"}},
    "required": ["id"],
}
PARAMETERS = Parameters.of(SCHEMA)


@pytest.mark.parametrize(
    ("expected", "actual", "reason"),
    [
        ({"id": "a"}, {"id": "a"}, None),
        ({"id": "a"}, {"id": "a", "n": 1}, None),
        ({"id": "a", "n": 1}, {"id": "a"}, None),
        ({"id": "a", "note": None}, {"id": "a"}, None),
        ({"id": "a"}, {"id": "a", "note": None}, None),
        ({"id": "a"}, {}, Reason.MISSING_ARGUMENT),
        ({"id": None}, {}, Reason.MISSING_ARGUMENT),
        ({"id": "a", "note": "x"}, {"id": "a"}, Reason.MISSING_ARGUMENT),
        ({"id": "a", "n": 2}, {"id": "a"}, Reason.WRONG_ARGUMENT),
        ({"id": "a"}, {"id": "b"}, Reason.WRONG_ARGUMENT),
        ({"id": "a"}, {"id": "a", "n": 2}, Reason.EXTRA_ARGUMENT),
        ({"id": "a"}, {"id": "a", "note": "x"}, Reason.EXTRA_ARGUMENT),
        ({"id": "a"}, {"id": "a", "invented": 1}, Reason.EXTRA_ARGUMENT),
    ],
)
def test_no_key_is_skipped(expected: dict[str, Any], actual: dict[str, Any], reason: Reason | None) -> None:
    difference = differing_argument(expected, actual, PARAMETERS, Comparer())
    assert (difference[0] if difference else None) is reason


def test_the_comparer_of_an_argument_is_its_own() -> None:
    comparers = {"note": Comparer(text="any")}
    pair = {"id": "a", "note": "x"}, {"id": "a", "note": "y"}
    assert differing_argument(*pair, PARAMETERS, Comparer(), comparers) is None
    difference = differing_argument({**pair[0], "id": "b"}, pair[1], PARAMETERS, Comparer(), comparers)
    assert difference == (Reason.WRONG_ARGUMENT, "id is 'a', expected 'b'")


def test_which_surplus_argument_is_named_does_not_depend_on_the_process() -> None:
    code = (
        "from tasks.policy.tool_schemas import UNKNOWN\n"
        "from tasks.verifiers.comparing.values import Comparer, differing_argument\n"
        "print(differing_argument({}, dict.fromkeys('qwertyuiop', 1), UNKNOWN, Comparer())[1])"
    )
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout == "q is surplus\n"


@pytest.mark.parametrize(
    ("expected", "actual", "comparer", "schema", "same"),
    [
        (1, 1.0, {}, {}, True),
        (1.0, 1.0 + 1e-9, {}, {}, True),
        (1.0, 1.1, {"number_tolerance": 0.2}, {}, True),
        (1, 2, {"number_tolerance": 9.0}, {}, False),
        (1.5, 1.6, {"number_tolerance": 0.2}, {"enum": [1.5, 1.6]}, False),
        (True, 1, {}, {}, False),
        (None, "", {"text": "any"}, {}, False),
        ("a b", "A  B", {"text": "normalised"}, {}, True),
        ("a b", "A  B", {"text": "normalised"}, {"enum": ["a b", "A  B"]}, False),
        ("order 17", "order 18", {"text": "similar", "min_similarity": 0.1}, {}, False),
        ("x", "  ", {"text": "any"}, {}, False),
        ([1, 2], [2, 1], {}, {}, False),
        ([1, 2], [2, 1], {"unordered": True}, {}, True),
        ([1, 1, 2], [2, 2, 1], {"unordered": True}, {}, False),
        ([[1, 2], [3]], [[3], [1, 2]], {"unordered": True}, {}, True),
        ([[1, 2], [3]], [[3], [2, 1]], {"unordered": True}, {}, False),
        (["a b"], ["A b"], {"text": "normalised"}, {"items": {"enum": ["a b"]}}, False),
        ({"a": 1}, {"a": 1.0}, {}, {}, True),
        ({"a": 1}, {"a": 1, "b": 2}, {}, {}, False),
        ({"a": 1}, {"a": 1, "b": 2}, {}, {"properties": {"b": {"default": 2}}}, True),
        ({}, [], {}, {}, False),
    ],
)
def test_values(expected: Any, actual: Any, comparer: dict[str, Any], schema: dict[str, Any], same: bool) -> None:
    assert same_value(expected, actual, schema, Comparer(**comparer)) is same
    assert same_value(expected, expected, schema, Comparer(**comparer))


def test_a_long_list_is_compared_in_order() -> None:
    values = list(range(LONGEST_UNORDERED + 1))
    assert not same_value(values, values[::-1], {}, Comparer(unordered=True))
    assert same_value(values[1:], values[:0:-1], {}, Comparer(unordered=True))


@pytest.mark.parametrize(("number", "whole"), [(1, True), (1.0, True), (1.5, False), (10**400, True)])
def test_whole_numbers(number: float, whole: bool) -> None:
    assert is_whole(number) is whole


def test_an_integer_beyond_the_floats_is_no_fraction() -> None:
    assert not same_value(10**400, 0.5, {}, Comparer())
    assert differing_argument({"x": 10**400}, {"x": 10**400}, UNKNOWN, Comparer()) is None


def test_a_comparer_refuses_what_it_does_not_know() -> None:
    for wrong in ({"text": "fuzzy"}, {"min_similarity": 0}, {"tolerance": 1}):
        with pytest.raises(ValidationError):
            Comparer(**wrong)
