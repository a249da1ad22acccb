"""Pair the calls of two turns as well as can be: maximum bipartite matching, so that order never matters."""

from __future__ import annotations

from collections.abc import Sequence


def maximum_matching(fits: Sequence[Sequence[bool]]) -> int:
    """How many rows can be paired with a column of their own, where `fits[row][column]`. Kuhn's augmenting paths."""
    columns = len(fits[0]) if fits else 0
    taken_by: list[int | None] = [None] * columns

    def place(row: int, tried: set[int]) -> bool:
        for column in range(columns):
            if not fits[row][column] or column in tried:
                continue
            tried.add(column)
            holder = taken_by[column]
            if holder is None or place(holder, tried):
                taken_by[column] = row
                return True
        return False

    return sum(place(row, set()) for row in range(len(fits)))
