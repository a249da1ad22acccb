import math

import polars as pl
import pytest

from schemas.evaluations import EVALUATIONS, Scope
from tasks.artefact.table import frame
from tasks.errors import InputError
from tasks.report.improvement import improvements, pooled

MEASURED = [
    ("states", "desk", "in_domain", 0.0),
    ("states", "desk", "in_domain", 1.0),
    ("episodes", "desk", "in_domain", 0.0),
    ("skill", "addition", "ood", 0.0),
]


def evaluation(policy: str, values: list[float], error: float = 0.03) -> pl.DataFrame:
    return frame(
        EVALUATIONS,
        [
            {
                "policy": policy,
                **dict(zip(("suite", "domain", "scope", "temperature"), measured, strict=True)),
                "metric": "pass_rate",
                "value": value,
                "n": 100,
                "standard_error": error,
            }
            for measured, value in zip(MEASURED, values, strict=True)
        ],
    )


def test_measurements_are_paired_whatever_their_order() -> None:
    candidate = evaluation("new", [0.9, 0.8, 0.5, 1.0], error=0.04)
    measured = improvements(candidate, evaluation("old", [0.7, 0.7, 0.6, 1.0]).reverse())
    assert [(one.suite, one.domain, one.scope, one.temperature) for one in measured] == MEASURED
    assert [one.difference for one in measured] == pytest.approx([0.2, 0.1, -0.1, 0.0])
    assert {one.standard_error for one in measured} == {0.05}
    assert {(one.n, one.base_n) for one in measured} == {(100, 100)}


def test_what_was_not_measured_alike_is_not_compared() -> None:
    old, new = evaluation("old", [0.7] * 4), evaluation("new", [0.7] * 4)
    for one, other in ((new.head(3), old), (new, old.head(3))):
        with pytest.raises(InputError, match="3 measurements in common"):
            improvements(one, other)


def test_suites_count_alike_and_temperatures_of_one_suite_are_one() -> None:
    measured = improvements(evaluation("new", [0.9, 0.7, 0.5, 0.9], 0.04), evaluation("old", [0.7, 0.7, 0.6, 1.0]))
    gain = pooled(measured, Scope.IN_DOMAIN)
    assert gain is not None
    assert gain.candidate == pytest.approx((0.8 + 0.5) / 2), "states 0.8, episodes 0.5"
    assert gain.difference == pytest.approx((0.1 - 0.1) / 2)
    assert gain.standard_error == pytest.approx(math.sqrt(2) * 0.05 / 2), "two suites, not three measurements"
    ood = pooled(measured, Scope.OOD)
    assert ood is not None and (ood.difference, ood.standard_error) == (pytest.approx(-0.1), pytest.approx(0.05))


def test_a_scope_without_measurements_has_no_mean() -> None:
    assert pooled([], Scope.OOD) is None
