"""Chance that depends on a name alone: alike for all names, the same for ever, whatever else there is."""

from __future__ import annotations

import hashlib


def number(name: str) -> int:
    """In [0, 2^64)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def place(name: str) -> float:
    """In [0, 1]."""
    return number(name) / 2**64
