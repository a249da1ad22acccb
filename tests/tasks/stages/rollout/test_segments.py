"""Segments do not depend on what else is sampled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.rollout.segments import SEGMENT_STATES, segment_digest, segments
from tasks.states.example import StateKey
from tasks.states.hashing import derive_seed

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=40)


def keys_of(trajectories: Sequence[tuple[str, int]]) -> list[StateKey]:
    return [StateKey(name, turn) for name, length in trajectories for turn in range(length)]


@given(LENGTHS)
def test_segments_are_all_states_in_order_and_split_no_trajectory(lengths: list[int]) -> None:
    keys = keys_of([(f"t{i}", length) for i, length in enumerate(lengths)])
    cuts = list(segments(keys))
    assert [key for cut in cuts for key in keys[cut]] == keys
    assert all(keys[cut.start][1] == 0 for cut in cuts)
    assert list(segments([])) == []


@given(LENGTHS, LENGTHS, st.data())
def test_trajectories_that_are_added_change_the_segments_they_fall_into(
    lengths: list[int], added: list[int], data: st.DataObject
) -> None:
    old = [(f"old{i}", length) for i, length in enumerate(lengths)]
    new = [(f"new{i}", length) for i, length in enumerate(added)]
    at = data.draw(st.integers(0, len(old)))
    before = {segment_digest(keys) for keys in cut_up(old)}
    after = {segment_digest(keys) for keys in cut_up([*old[:at], *new, *old[at:]])}
    assert len(before - after) <= 1, "only the segment that they were put into, or behind"


def cut_up(trajectories: Sequence[tuple[str, int]]) -> list[list[StateKey]]:
    keys = keys_of(trajectories)
    return [keys[cut] for cut in segments(keys)]


@pytest.mark.parametrize("length", [1, 12, 100])
def test_segments_are_of_one_size_on_average_whatever_the_trajectories(length: int) -> None:
    cuts = cut_up([(f"{length}-{i}", length) for i in range(60_000 // length)])
    mean = sum(map(len, cuts)) / len(cuts)
    assert 0.8 * SEGMENT_STATES < mean < 1.25 * SEGMENT_STATES + length


def test_seeds_are_the_same_for_ever() -> None:
    """Rollouts of a version are sampled with them."""
    assert derive_seed(7, segment_digest([StateKey("9f2c", 0), StateKey("9f2c", 1)])) == 1813674983
