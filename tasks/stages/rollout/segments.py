"""Segments: the states that are sampled in one call of the engine.

Each trajectory tells by its own name whether a segment begins with it, and a segment's seed comes from its states. So
the rows of a segment depend on the policy, the configuration, the seed and the states in it, and on nothing else that
is sampled. Data that arrives changes only the segments that it falls into. The others can be copied (resume.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby

from tasks.states.example import StateKey
from tasks.states.hashing import hash_fraction

SEGMENT_STATES = 256
"""States per segment, on average. A killed run repeats at most one segment. Where segments are cut is part of what is
sampled, so another value needs another version of the stage."""


def segments(keys: Sequence[StateKey]) -> Iterator[slice]:
    """A part's states, cut before some of its trajectories.

    Args:
        keys: of the states that are sampled; those of a trajectory stand together.
    """
    start = end = 0
    for trajectory_id, group in groupby(keys, key=lambda key: key[0]):
        states = len(list(group))
        if end > start and _begins_segment(trajectory_id, states):
            yield slice(start, end)
            start = end
        end += states
    if end > start:
        yield slice(start, end)


def _begins_segment(trajectory_id: str, states: int) -> bool:
    # More likely for a longer trajectory, so that segments have one size on average whatever the trajectories' length.
    return hash_fraction(trajectory_id) < states / SEGMENT_STATES


def segment_digest(keys: Sequence[StateKey]) -> str:
    """The name of a segment: a hash of its states, in order."""
    return hashlib.sha256(repr([tuple(key) for key in keys]).encode()).hexdigest()
