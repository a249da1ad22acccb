"""Verdicts without a reward: how many, why, and how many are too many.

They are no chance loss. In a cascade the cheap part decides what is plainly right, and the judge that failed was asked
about the rest: what is left over is the better for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from tasks.errors import StageFailed
from tasks.verifiers.section import ScoreConfig

_CAUSES = 5
"""Most frequent causes that are kept."""


class Undecided(BaseModel):
    """How many of the verdicts asked for had no reward; `causes` counts the beginnings of their details, `last` is a
    whole one."""

    asked: int = 0
    undecided: int = 0
    causes: dict[str, int] = {}
    last: str = ""

    def plus(self, other: Undecided) -> Undecided:
        """Both together."""
        causes = Counter(self.causes) + Counter(other.causes)
        return Undecided(
            asked=self.asked + other.asked,
            undecided=self.undecided + other.undecided,
            causes=dict(causes.most_common(_CAUSES)),
            last=other.last or self.last,
        )


def counted(asked: int, details: Sequence[str]) -> Undecided:
    """The count of so many verdicts, with the details of those that had no reward."""
    causes = Counter(detail.partition("; ")[0][:200] for detail in details)
    last = details[-1] if details else ""
    return Undecided().plus(Undecided(asked=asked, undecided=len(details), causes=causes, last=last))


def require_decided(found: Undecided, of: int, what: str, config: ScoreConfig) -> None:
    """Accept what was left undecided.

    Args:
        of: all verdicts that there will be; once too many of these are undecided no later part can mend it.
        what: their name in the text.

    Raises:
        StageFailed: it is more than `score.max_undecided`; the text says how many, why, and what to do.
    """
    if found.undecided <= config.max_undecided * of:
        return
    causes = "; ".join(f"{count:,} times {cause}" for cause, count in found.causes.items())
    raise StageFailed(
        f"scores: {found.undecided:,} of {of:,} {what} are undecided, after {found.asked:,} (score.max_undecided "
        f"{config.max_undecided}): {causes}. The last: {found.last}. See that the judge of score.verifier answers, "
        "raise its max_requests where that is spent, or mend your function; then run again: what was decided is kept, "
        "and only the rest is asked about. A higher score.max_undecided does without their states, and scores all anew"
    )
