from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.verifiers.comparing.matching import maximum_matching


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_the_matching_is_the_largest(fits: list[list[bool]]) -> None:
    best = max(
        sum(fits[row][column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(range(4), len(fits))
    )
    assert maximum_matching(fits) == best


@pytest.mark.parametrize(
    ("fits", "pairs"),
    [
        ([], 0),
        ([[]], 0),
        ([[False, False]], 0),
        ([[True, True], [True, False]], 2),
        ([[True, False], [True, False]], 1),
        ([[True], [True], [True]], 1),
    ],
)
def test_small_ones(fits: list[list[bool]], pairs: int) -> None:
    assert maximum_matching(fits) == pairs
