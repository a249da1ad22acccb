"""By how much one policy's evaluation is better than another's: suite by suite, and as one number a scope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import polars as pl

from schemas.decisions import POOLED
from schemas.evaluations import Scope
from tasks.errors import InputError

_MEASURE = ["suite", "domain", "scope", "metric", "temperature"]


@dataclass(frozen=True, slots=True)
class Improvement:
    """The pass rates of a candidate and a baseline, the standard error of their difference, and of how many cases.

    The two numbers of cases differ where the verifier, a judge, left some undecided; a mean over suites has neither.
    """

    suite: str
    domain: str
    scope: str
    temperature: float | None
    candidate: float
    baseline: float
    standard_error: float
    n: int | None = None
    baseline_n: int | None = None

    @property
    def difference(self) -> float:
        """Above 0 where the candidate is better."""
        return self.candidate - self.baseline


def improvements(candidate: pl.DataFrame, baseline: pl.DataFrame) -> list[Improvement]:
    """One for each measurement, in the candidate's order.

    Args:
        candidate: its `evaluations`.
        baseline: the other's, measured on the same states, tasks and items.

    The two standard errors are added as if the measurements were independent. They are not: both policies meet the
    same cases, and where one fails the other tends to. So the true error is mostly smaller.

    Raises:
        InputError: they were not measured alike.
    """
    both = candidate.join(baseline, on=_MEASURE, how="inner", suffix="_baseline", maintain_order="left")
    if both.height != max(candidate.height, baseline.height):
        raise InputError(
            f"two evaluations have {both.height} measurements in common, of {candidate.height} and {baseline.height}; "
            "evaluate both policies with one configuration on one states artefact"
        )
    return [
        Improvement(
            suite=row["suite"],
            domain=row["domain"],
            scope=row["scope"],
            temperature=row["temperature"],
            candidate=row["value"],
            baseline=row["value_baseline"],
            standard_error=math.hypot(row["standard_error"], row["standard_error_baseline"]),
            n=row["n"],
            baseline_n=row["n_baseline"],
        )
        for row in both.iter_rows(named=True)
    ]


def pooled(found: Sequence[Improvement], scope: Scope) -> Improvement | None:
    """The mean over the suites of a scope, each counting alike; None where there are none.

    A suite is a benchmark of its own: the held-out states of a domain, the episodes of a world, a skill. Its number is
    the mean of its greedy and its sampled actions. These meet the same cases, so their errors are averaged and not
    reduced; different suites' are independent.
    """
    suites: dict[tuple[str, str], list[Improvement]] = {}
    for one in found:
        if one.scope == scope:
            suites.setdefault((one.suite, one.domain), []).append(one)
    if not suites:
        return None
    errors = [fmean(one.standard_error for one in suite) for suite in suites.values()]
    return Improvement(
        suite=POOLED,
        domain="",
        scope=scope.value,
        temperature=None,
        candidate=fmean(fmean(one.candidate for one in suite) for suite in suites.values()),
        baseline=fmean(fmean(one.baseline for one in suite) for suite in suites.values()),
        standard_error=math.hypot(*errors) / len(errors),
    )
