"""The one hash of a name, and the one way to derive a seed from another.

What a name's hash decides (a split, a segment, a rank among equals) is decided for each name alone, so data that
arrives later changes nothing. A seed follows from the run's seed and from what it is for, so a run that was killed goes
on with the same draws.
"""

from __future__ import annotations

import hashlib


def hash64(name: str) -> int:
    """The first 64 bits of the name's SHA-256: uniform in [0, 2^64)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def hash_fraction(name: str) -> float:
    """`hash64` scaled: uniform in [0, 1]."""
    return hash64(name) / 2**64


def derive_seed(seed: int, *names: object) -> int:
    """A seed of its own for each purpose, in [0, 2^32): `derive_seed(run_seed, "sample", step)`."""
    # A hash and not a sum: seeds that differ by a counter meet those of another run, step or rank.
    return hash64("/".join(map(str, (seed, *names)))) >> 32
