"""The ways to train that `compare` sets side by side; flows/compare.py says what each of them sets."""

from __future__ import annotations

from typing import Literal, get_args

Variant = Literal["pivotrl", "random_turns", "strict_match", "sft"]
VARIANT_NAMES: tuple[Variant, ...] = get_args(Variant)
