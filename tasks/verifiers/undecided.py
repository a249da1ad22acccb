"""Verdicts without a reward: how many, why, and how many are too many.

They are not lost at random. In a cascade the cheap verifier decides what is plainly right, and a judge is asked about
the rest. Where the judge fails, only the easy samples have rewards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from tasks.errors import StageFailed
from tasks.verifiers.section import ScoreConfig

_CAUSES = 5
"""How many causes are kept, the most frequent ones."""


class UndecidedCount(BaseModel):
    """How many of the `asked` verdicts have no reward. `causes` counts the beginnings of their details, `last` is one
    detail in full."""

    asked: int = 0
    undecided: int = 0
    causes: dict[str, int] = {}
    last: str = ""

    def plus(self, other: UndecidedCount) -> UndecidedCount:
        """The sum of both."""
        causes = Counter(self.causes) + Counter(other.causes)
        return UndecidedCount(
            asked=self.asked + other.asked,
            undecided=self.undecided + other.undecided,
            causes=dict(causes.most_common(_CAUSES)),
            last=other.last or self.last,
        )


def count_undecided(asked: int, details: Sequence[str]) -> UndecidedCount:
    """The count of `asked` verdicts, from the details of those without a reward."""
    causes = Counter(detail.partition("; ")[0][:200] for detail in details)
    last = details[-1] if details else ""
    return UndecidedCount().plus(UndecidedCount(asked=asked, undecided=len(details), causes=causes, last=last))


def require_decided(count: UndecidedCount, total: int, what: str, config: ScoreConfig) -> None:
    """Accept the number of undecided verdicts.

    Args:
        count: so far.
        total: all verdicts that there will be. Once too many of these are undecided, no later part can mend it.
        what: their name in the text.

    Raises:
        StageFailed: it is more than `score.max_undecided`; the text says how many, why, and what to do.
    """
    if count.undecided <= config.max_undecided * total:
        return
    causes = "; ".join(f"{times:,} times {cause}" for cause, times in count.causes.items())
    raise StageFailed(
        f"{count.undecided:,} of {total:,} {what} are undecided, after {count.asked:,} (score.max_undecided "
        f"{config.max_undecided}): {causes}. The last: {count.last}. See that the judge of score.verifier answers, "
        "raise its max_requests where that is spent, or mend your function; then run again: what was decided is kept, "
        "and only the rest is asked about. A higher score.max_undecided does without their states, and scores all anew"
    )
