"""The one hash of a name. What is decided by it (a split, a segment, a rank among equals) is decided for each name
alone, so data that arrives later changes nothing."""

from __future__ import annotations

import hashlib


def hash64(name: str) -> int:
    """The first 64 bits of the name's SHA-256: uniform in [0, 2^64)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def hash_fraction(name: str) -> float:
    """`hash64` scaled: uniform in [0, 1]."""
    return hash64(name) / 2**64
