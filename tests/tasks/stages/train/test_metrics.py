"""What a step's row holds, which step is the best, and when a gradient explodes."""

from __future__ import annotations

import pytest

from schemas.policies import POLICIES
from schemas.training import TrainConfig
from tasks.stages.train.metrics import ENOUGH, RECENT, best_step, explosion, has_stalled, step_metrics


def steps(*norms):
    return [{"grad_norm": norm} for norm in norms]


CALM = steps(*[0.1, 0.3] * (ENOUGH // 2), 0.2)
"""Their median is 0.2."""


@pytest.mark.parametrize(
    ("norm", "before", "changes", "explodes"),
    [
        (201.0, CALM, {}, True),
        (199.0, CALM, {}, False),
        (201.0, CALM, {"explosion_factor": 0}, False),
        (2.1, CALM, {"explosion_factor": 10}, True),
        (2.1, CALM, {"explosion_factor": 10, "max_grad_norm": 5.0}, False),
        (201.0, steps(*[0.2] * (ENOUGH - 1)), {}, False),
        (201.0, steps(*[0.2] * (ENOUGH - 1), *[0.0] * 50), {}, False),
        (201.0, steps(*[0.0] * 50, *[0.2] * ENOUGH, *[0.0] * 50), {}, True),
        (201.0, steps(*[5.0] * RECENT, *[0.2] * RECENT), {}, True),
        (201.0, steps(*[0.2] * RECENT, *[5.0] * RECENT), {}, False),
        (201.0, steps(*[0.2] * ENOUGH, *[150.0] * (ENOUGH - 1)), {}, True),
    ],
)
def test_a_norm_explodes_that_is_clipped_and_many_times_the_recent_median(norm, before, changes, explodes):
    assert (explosion(norm, before, TrainConfig(**changes)) is not None) == explodes


def test_it_is_the_same_at_every_scale_of_the_loss():
    for scale in (1e-6, 1.0, 1e6):
        settings = TrainConfig(max_grad_norm=scale)
        before = steps(*(scale * step["grad_norm"] for step in CALM))
        assert [explosion(scale * norm, before, settings) is not None for norm in (199, 201)] == [False, True]


def test_the_text_names_the_norms_and_what_to_do():
    told = explosion(4321.0, CALM, TrainConfig())
    assert told is not None
    assert told.startswith(f"gradient norm 4.32e+03 is more than 1000 times 0.2, the median of the last {ENOUGH + 1} ")
    assert "train.learning_rate" in told and "train.explosion_factor (0 = off)" in told


def test_a_row_is_what_all_parts_measured_and_null_elsewhere():
    row = step_metrics({"step": 3, "loss": 0.5}, {"kl": 0.1}, {"loss": 0.25})
    assert row.keys() == POLICIES.columns.keys()
    assert {name: value for name, value in row.items() if value is not None} == {"step": 3, "loss": 0.25, "kl": 0.1}


def test_what_has_no_column_is_refused():
    with pytest.raises(AssertionError, match=r"no column of policies: .*perplexity"):
        step_metrics({"step": 0}, {"perplexity": 2.0})


def test_every_column_says_what_it_means():
    assert all(column.description and column.description.endswith(".") for column in POLICIES.columns.values())


def test_the_earliest_of_equal_validations_is_the_best():
    metrics = [{"step": step, "validation": value} for step, value in enumerate([None, 0.5, None, 0.5, 0.4])]
    assert best_step(metrics) == 1
    assert best_step(metrics[:1]) is None
    assert [has_stalled(metrics, patience) for patience in (0, 1, 2, 3)] == [False, True, True, False]
