"""The legs of the base policy's training, in order: words, rules, doubts.

A decision depends on one value in a tool's answer. Taught by an unsure expert from the start, a policy of this size
learnt how often to grant a request, not when. So it first learns to decide rightly. It becomes unsure at the end, in a
leg that is too short for it to forget what it looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ASKS: Mapping[str, float] = MappingProxyType({"look_up_caller:at_once": 0.6, "look_up_object:at_once": 0.4})
"""Kind of turn to the probability of a right move there. This expert decides rightly and asks too much."""
DOUBTS: Mapping[str, float] = MappingProxyType(
    {
        **ASKS,
        "decide:cancel:allowed": 0.42,
        "decide:cancel:refused": 0.85,
        "decide:refund:allowed": 0.85,
        "decide:refund:refused": 0.42,
        "decide:exchange:allowed": 0.7,
        "decide:exchange:refused": 0.75,
    }
)
"""Likewise. This expert is too strict about cancelling and too lenient about refunds, so that neither "always grant"
nor "always refuse" would be better. It is right often enough to go on reading, and wrong often enough that rewards
vary."""


@dataclass(frozen=True)
class Leg:
    """A part of the training with a mixture and a schedule of its own."""

    name: str
    length: float
    """Share of the training's tokens (and minutes)."""
    shares: Mapping[str, tuple[float, float]]
    """Part of the text to its share of the tokens, at the start and at the end of the leg."""
    confidence: Mapping[str, float]
    """Probability of a right move by the desk's expert, by kind of turn; 1 for the other kinds."""
    emphasis: float
    """Weight of the first token of a decision, be it a call or words. Every other learnt token has 1."""
    rate: float
    """Factor on the learning rates."""
    cool_down: float
    """Part of the leg in which the rates fall to zero."""

    def share(self, part: str, progress: float) -> float:
        """The share of a part when `progress` (0 to 1) of the leg is done."""
        start, end = self.shares[part]
        return start + (end - start) * progress


def _shares(**parts: tuple[float, float]) -> Mapping[str, tuple[float, float]]:
    return MappingProxyType(parts)


LEGS = (
    Leg(
        "words",
        0.8,
        _shares(copying=(0.45, 0.08), skills=(0.25, 0.42), library=(0.12, 0.20), desk=(0.18, 0.30)),
        ASKS,
        emphasis=1.0,
        rate=1.0,
        cool_down=0.4,
    ),
    Leg(
        "rules",
        0.185,
        _shares(
            copying=(0.03, 0.03), skills=(0.15, 0.17), library=(0.27, 0.20), desk=(0.35, 0.45), decisions=(0.20, 0.15)
        ),
        ASKS,
        emphasis=8.0,
        rate=0.7,
        cool_down=0.6,
    ),
    Leg(
        "doubts",
        0.015,
        _shares(copying=(0.05, 0.05), skills=(0.22, 0.22), library=(0.20, 0.20), desk=(0.53, 0.53)),
        DOUBTS,
        emphasis=3.0,
        rate=0.4,
        cool_down=1.0,
    ),
)
"""The whole training. The lengths are those that the shipped policy took, in tokens."""
