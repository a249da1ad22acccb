"""By how much one policy's evaluation is better than another's: suite by suite, and as one number per scope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import polars as pl

from schemas.decisions import POOLED
from schemas.evaluations import Scope
from tasks.errors import InputError

MEASUREMENT_KEY = ["suite", "domain", "scope", "metric", "temperature"]


@dataclass(frozen=True, slots=True)
class Improvement:
    """The pass rates of a candidate and of its base, and the standard error of their difference."""

    suite: str
    domain: str
    scope: str
    temperature: float | None
    candidate: float
    base: float
    standard_error: float
    n: int | None = None
    """Cases that were decided for the candidate; None for a mean over suites. Where the verifier is a judge that left
    some undecided, the base's number is another."""
    base_n: int | None = None

    @property
    def difference(self) -> float:
        """Above 0 where the candidate is better."""
        return self.candidate - self.base


def improvements(candidate: pl.DataFrame, base: pl.DataFrame) -> list[Improvement]:
    """One for each measurement, in the candidate's order.

    Args:
        candidate: its `evaluations`.
        base: the other policy's, measured on the same states, tasks and items.

    Raises:
        InputError: they were not measured alike.
    """
    both = candidate.join(base, on=MEASUREMENT_KEY, how="inner", suffix="_base", maintain_order="left")
    if both.height != max(candidate.height, base.height):
        raise InputError(
            f"two evaluations have {both.height} measurements in common, of {candidate.height} and {base.height}; "
            "evaluate both policies with one configuration on one states artefact"
        )
    return [
        Improvement(
            suite=row["suite"],
            domain=row["domain"],
            scope=row["scope"],
            temperature=row["temperature"],
            candidate=row["value"],
            base=row["value_base"],
            # As if the two were independent. They are not: both policies meet the same cases, and where one fails the
            # other tends to. So the true error is mostly smaller, and the gate errs to the safe side.
            standard_error=math.hypot(row["standard_error"], row["standard_error_base"]),
            n=row["n"],
            base_n=row["n_base"],
        )
        for row in both.iter_rows(named=True)
    ]


def pooled(measured: Sequence[Improvement], scope: Scope) -> Improvement | None:
    """The mean over the suites of a scope, each counting alike; None where there are none.

    A suite is a benchmark of its own: the held-out states of a domain, the episodes of a world, a skill. Its number is
    the mean of its greedy and its sampled actions.
    """
    suites: dict[tuple[str, str], list[Improvement]] = {}
    for improvement in measured:
        if improvement.scope == scope:
            suites.setdefault((improvement.suite, improvement.domain), []).append(improvement)
    if not suites:
        return None
    # Greedy and sampled actions meet the same cases, so their errors are averaged. Suites are independent of each
    # other, so their errors add in squares.
    errors = [fmean(improvement.standard_error for improvement in suite) for suite in suites.values()]
    return Improvement(
        suite=POOLED,
        domain="",
        scope=scope.value,
        temperature=None,
        candidate=fmean(fmean(improvement.candidate for improvement in suite) for suite in suites.values()),
        base=fmean(fmean(improvement.base for improvement in suite) for suite in suites.values()),
        standard_error=math.hypot(*errors) / len(errors),
    )
