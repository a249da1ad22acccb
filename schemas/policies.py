"""`policies`: one training step of a policy; the model folder itself is the artefact's files.

An example row:

    step 12, loss -0.013, reward_mean 0.61, reward_std 0.49, zero_variance 0.22, ...,
    distinct_tokens 18211, sample_s 1.4

A column is null where the method has no such thing: SFT has no rewards, there is no KL without a coefficient, and only
every so many steps have a validation. A step of which the verifier decided no sample has no rewards either.

This is the one list of a step's metrics. What the trainer measures under another name than these is refused.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema


def _count(description: str, dtype: Any = pl.Int64, least: int = 0) -> Column:
    return Column(dtype, Check.ge(least), description=description)


def _seconds(description: str) -> Column:
    return Column(pl.Float64, Check.ge(0), description=f"Seconds of {description}.")


def _share(description: str) -> Column:
    return Column(pl.Float64, Check.in_range(0, 1), nullable=True, description=description)


def _token_mean(description: str) -> Column:
    return Column(pl.Float64, nullable=True, description=f"{description}, a mean over the computed tokens.")


POLICIES = DataFrameSchema(
    {
        "step": Column(pl.Int32, Check.ge(0), unique=True, description="From 0."),
        "loss": Column(pl.Float64, description="The step's."),
        "reward_mean": _share("Mean reward of all decided samples, also of groups without variance."),
        "reward_std": Column(
            pl.Float64, Check.ge(0), nullable=True, description="Deviation of the same; null for fewer than two."
        ),
        "zero_variance": _share(
            "Share of decided states whose samples, but for masked ones, all had the same reward; they give no "
            "gradient and are not computed."
        ),
        "parse_failures": _share("Share of samples that were no action."),
        "overlong": _share("Share of samples that a length limit cut off; train.overlong says what becomes of them."),
        "undecided": _share("Share of samples that the verifier could not decide; their states give no gradient."),
        "clip_share": _token_mean("Whether the clip stopped the token's gradient"),
        "kl": _token_mean("Estimate of KL(policy, reference) in nats"),
        "entropy": _token_mean("Entropy of the policy in nats"),
        "grad_norm": Column(pl.Float64, Check.ge(0), description="Norm of the gradient before clipping."),
        "sampler_mismatch": _token_mean("|log pi_trainer - log pi_sampler| in nats"),
        "validation": _share("Mean reward of greedy actions at held-out states after the step."),
        "learning_rate": Column(pl.Float64, Check.ge(0), description="AdamW's at the step."),
        "states": _count("States drawn; over train.states_per_step by those of train.refill.", pl.Int32, 1),
        "samples": _count("Samples drawn (GRPO), or demonstrations (SFT).", pl.Int32, 1),
        "distinct_tokens": _count("Tokens that were computed."),
        "repeated_tokens": _count("Tokens that the same samples take with every prompt repeated."),
        "sample_s": _seconds("sampling, on the slowest rank"),
        "verify_s": _seconds("verifying, on the slowest rank"),
        "update_s": _seconds("the update"),
        "sync_s": _seconds("giving the sampler its weights"),
        "validate_s": _seconds("validating"),
    },
    strict=True,
    name="policies",
)
