"""What is recorded of each step: one flat row, also a row of the policy artefact's table."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TypedDict

from schemas.training import TrainConfig

RECENT = 100
"""Steps with a gradient whose norms are compared with the next one's, at most."""

ENOUGH = 10
"""Fewer of them say nothing."""


class StepMetrics(TypedDict):
    """One step. None where the method has no such thing (SFT has no rewards; no KL without `train.kl_coefficient`)."""

    step: int
    """From 0."""
    loss: float
    reward_mean: float | None
    """Over all decided samples of the step, also of groups without variance; None where there was none."""
    reward_std: float | None
    """Over all decided samples of the step; None where there were fewer than two."""
    zero_variance: float | None
    """Share of decided states whose samples all had the same reward; they give no gradient and are not computed."""
    parse_failures: float | None
    """Share of samples that were no action."""
    undecided: float | None
    """Share of samples that the verifier could not decide; their states give no gradient."""
    clip_share: float | None
    """Share of tokens whose gradient the clip stopped."""
    kl: float | None
    """Mean estimate of KL(policy, reference) a token, in nats."""
    entropy: float | None
    """Mean entropy of the policy at the computed tokens, in nats; None where no token was computed."""
    grad_norm: float
    """Before clipping."""
    sampler_mismatch: float | None
    """Mean |log pi_trainer - log pi_sampler| at the computed tokens, in nats."""
    validation: float | None
    """Mean reward of greedy actions at held-out states after the step; None where `train.validate_every` asks for
    none."""
    learning_rate: float
    states: int
    """States drawn; over `train.states_per_step` by those that `train.refill` drew."""
    samples: int
    """Samples drawn (GRPO) or demonstrations (SFT)."""
    distinct_tokens: int
    """Tokens that were computed."""
    repeated_tokens: int
    """Tokens that the same samples take with every prompt repeated."""
    sample_s: float
    verify_s: float
    update_s: float
    sync_s: float
    validate_s: float
    """Seconds of sampling, verifying (of the slowest process each), updating, giving the sampler its weights, and
    validating."""


def best_step(metrics: Sequence[StepMetrics]) -> int | None:
    """The earliest step with the highest validation; None where nothing was validated."""
    found = [(m["validation"], -m["step"]) for m in metrics if m["validation"] is not None]
    return -max(found)[1] if found else None


def has_stalled(metrics: Sequence[StepMetrics], patience: int) -> bool:
    """Whether the last `patience` validations brought no new best; never with a patience of 0."""
    best = best_step(metrics)
    if best is None or patience == 0:
        return False
    return sum(m["validation"] is not None and m["step"] > best for m in metrics) >= patience


def explosion(norm: float, metrics: Sequence[StepMetrics], settings: TrainConfig) -> str | None:
    """Why a step with this gradient norm (before clipping) must not be taken after those steps, or None.

    The rule is `train.explosion_factor`'s. The loss is no measure: GRPO's is near 0 at the policy that sampled. Neither
    are a few standard deviations, by which OLMo's trainer skips steps: a GRPO step's norm depends on how many of its
    groups vary. And a gradient that is not clipped changes the weights as the settings allow.
    """
    norms = [m["grad_norm"] for m in metrics if m["grad_norm"] > 0][-RECENT:]
    factor = settings.explosion_factor
    if factor == 0 or len(norms) < ENOUGH or norm <= max(settings.max_grad_norm, factor * median(norms)):
        return None
    return (
        f"gradient norm {norm:.3g} is more than {factor:g} times {median(norms):.3g}, the median of the last "
        f"{len(norms)} steps that had a gradient; look at the step's states, and lower train.learning_rate (a new run) "
        "or, to go on from the last checkpoint, raise train.explosion_factor (0 = off)"
    )
