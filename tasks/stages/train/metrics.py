"""What is recorded of each step, and what the steps so far say about the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from schemas.policies import POLICIES
from schemas.training import TrainConfig

StepMetrics = dict[str, Any]
"""A row of `policies`: schemas/policies.py lists the columns with their meaning. Sampling (groups.py), the loss
(objective.py) and the update (compute/learner.py) each give the entries that they measured; what they do not give is
null. To add a metric, put it where it is measured and add its column."""

OnStep = Callable[[StepMetrics], None]
"""Called after each step that this process runs, with what was measured."""

RECENT = 100
"""Steps with a gradient whose norms are compared with the next one's, at most."""

ENOUGH = 10
"""Fewer of them say nothing."""


def step_metrics(*measured: Mapping[str, Any]) -> StepMetrics:
    """The row of a step, from what its parts measured."""
    row: StepMetrics = dict.fromkeys(POLICIES.columns)
    for part in measured:
        assert part.keys() <= row.keys(), f"no column of policies: {part.keys() - row.keys()}"
        row |= part
    return row


def best_step(metrics: Sequence[StepMetrics]) -> int | None:
    """The earliest step with the highest validation; None where nothing was validated."""
    validations = [(m["validation"], -m["step"]) for m in metrics if m["validation"] is not None]
    return -max(validations)[1] if validations else None


def has_stalled(metrics: Sequence[StepMetrics], patience: int) -> bool:
    """Whether the last `patience` validations brought no new best; never with a patience of 0."""
    best = best_step(metrics)
    if best is None or patience == 0:
        return False
    later = [m for m in metrics if m["validation"] is not None and m["step"] > best]
    return len(later) >= patience


def explosion(norm: float, metrics: Sequence[StepMetrics], config: TrainConfig) -> str | None:
    """Why a step with this gradient norm (before clipping) must not be taken after those steps, or None.

    The rule is `train.explosion_factor`'s.
    """
    # The loss is no measure: GRPO's is near 0 at the policy that sampled. Neither are a few standard deviations, by
    # which OLMo's trainer skips steps: the norm of a GRPO step depends on how many of its groups vary. A norm below
    # max_grad_norm is not clipped, and such a gradient changes the weights as the settings allow.
    norms = [m["grad_norm"] for m in metrics if m["grad_norm"] > 0][-RECENT:]
    factor = config.explosion_factor
    if factor == 0 or len(norms) < ENOUGH or norm <= max(config.max_grad_norm, factor * median(norms)):
        return None
    return (
        f"gradient norm {norm:.3g} is more than {factor:g} times {median(norms):.3g}, the median of the last "
        f"{len(norms)} steps that had a gradient; look at the step's states, and lower train.learning_rate (a new run) "
        "or, to go on from the last checkpoint, raise train.explosion_factor (0 = off)"
    )
