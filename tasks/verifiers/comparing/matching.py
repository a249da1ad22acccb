"""Maximum bipartite matching: pairs the calls of two turns whatever their order."""

from __future__ import annotations

from collections.abc import Sequence


def maximum_matching(fits: Sequence[Sequence[bool]]) -> int:
    """The largest number of pairs of a row and a column of its own that fit.

    Kuhn's algorithm of augmenting paths. A greedy pairing is not enough: it may give a row the only column of another.
    """
    columns = len(fits[0]) if fits else 0
    row_of: list[int | None] = [None] * columns

    def place(row: int, tried: set[int]) -> bool:
        for column in range(columns):
            if not fits[row][column] or column in tried:
                continue
            tried.add(column)
            holder = row_of[column]
            if holder is None or place(holder, tried):
                row_of[column] = row
                return True
        return False

    return sum(place(row, set()) for row in range(len(fits)))
