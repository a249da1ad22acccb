"""What a part's record says of its verdicts. Each holds its own part's alone; the manifest gets the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel

from tasks.stages.score.self_check import SelfCheck
from tasks.stages.score.undecided import Undecided


class Checks(BaseModel):
    """Whether the verifier holds on some states, and what it left undecided of their samples."""

    self_check: SelfCheck = SelfCheck()
    undecided: Undecided = Undecided()

    @property
    def settled(self) -> bool:
        """Whether asking again could decide nothing more."""
        return self.undecided.undecided == self.self_check.undecided.undecided == 0

    def plus(self, other: Checks) -> Checks:
        """Both together."""
        return Checks(self_check=self.self_check.plus(other.self_check), undecided=self.undecided.plus(other.undecided))


def summarised(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest's summary of all parts."""
    found = reduce(Checks.plus, map(Checks.model_validate, summaries), Checks())
    return {**found.self_check.summary(), "undecided": found.undecided.model_dump()}
