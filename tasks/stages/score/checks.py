"""What the record of a part says about its verdicts; the manifest gets the sum over all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel

from tasks.stages.score.self_check import SelfCheck
from tasks.stages.score.undecided import UndecidedCount


class Checks(BaseModel):
    """The verifier's self-check on some states, and how many of their samples it left undecided."""

    self_check: SelfCheck = SelfCheck()
    undecided: UndecidedCount = UndecidedCount()

    @property
    def settled(self) -> bool:
        """Whether verifying again could decide nothing more."""
        return self.undecided.undecided == self.self_check.undecided.undecided == 0

    def plus(self, other: Checks) -> Checks:
        """The sum of both."""
        return Checks(self_check=self.self_check.plus(other.self_check), undecided=self.undecided.plus(other.undecided))


def summary_of(part_summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest's summary."""
    total = reduce(Checks.plus, map(Checks.model_validate, part_summaries), Checks())
    return {**total.self_check.summary(), "undecided": total.undecided.model_dump()}
