"""The objective, as pure functions of tensors.

Shapes: K groups (states) of G samples, S = K G samples of a step; T predicted tokens of a pack, M of a step.
Log-probabilities are in nats.

For a token of a sample with advantage A, ratio rho = pi / pi_old and sampler weight w = min(pi_old / pi_sampler, cap):

    loss = -w min(rho A, clip(rho, 1 - low, 1 + high) A) + kl_coefficient KL(pi, pi_reference)
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from schemas.profiles import REWARD_TOLERANCE

EPSILON = 1e-4
"""Added to a group's standard deviation (TRL's value)."""


def groups_vary(rewards_KG: Tensor) -> Tensor:
    """[K] booleans: whether a group's raw rewards differ. Not `std != 0`, which rounding defeats.

    A reward that is NaN was left undecided by the verifier and belongs to no group, here and in `advantages`.
    """
    undecided_KG = rewards_KG.isnan()
    highest_K = rewards_KG.masked_fill(undecided_KG, -torch.inf).amax(1)
    return highest_K - rewards_KG.masked_fill(undecided_KG, torch.inf).amin(1) > REWARD_TOLERANCE


def advantages(rewards_KG: Tensor, kind: Literal["grpo", "leave_one_out", "dr_grpo"]) -> Tensor:
    """[K, G] advantages within each group; exactly 0 where its rewards do not vary (paper, Proposition 3.1).

    `grpo`: (r - mean) / (std + EPSILON), with the unbiased standard deviation; `leave_one_out`: r less the mean of the
    others; `dr_grpo`: r - mean.
    """
    sizes_K1 = (~rewards_KG.isnan()).sum(1, keepdim=True)
    others_K1 = (sizes_K1 - 1).clamp(min=1)
    centred_KG = (rewards_KG - rewards_KG.nanmean(1, keepdim=True)).nan_to_num(0.0)
    if kind == "grpo":
        std_K1 = (centred_KG.square().sum(1, keepdim=True) / others_K1).sqrt()
        centred_KG = centred_KG / (std_K1 + EPSILON)
    elif kind == "leave_one_out":
        centred_KG = centred_KG * (sizes_K1 / others_K1)
    return centred_KG * groups_vary(rewards_KG)[:, None]


def token_weights(lengths_S: Tensor, aggregation: Literal["token_mean", "sequence_mean"]) -> Tensor:
    """[M] weights of a step's tokens, in sample order, with which the token losses add up to the step's loss.

    `token_mean`: every token counts alike; `sequence_mean`: every sample does, and within it every token.
    """
    if aggregation == "token_mean":
        total = int(lengths_S.sum())
        return torch.full((total,), 1.0 / max(1, total))
    per_sample_S = 1.0 / (len(lengths_S) * lengths_S.clamp(min=1).float())
    return per_sample_S.repeat_interleave(lengths_S)


def importance_weights(logprobs_T: Tensor, sampler_logprobs_T: Tensor, cap: float) -> Tensor:
    """[T] truncated importance weights min(pi_trainer / pi_sampler, cap), without gradient."""
    return (logprobs_T.detach() - sampler_logprobs_T).exp().clamp(max=cap)


def sequence_importance_weights(
    logprobs_T: Tensor, sampler_logprobs_T: Tensor, samples_T: Tensor, cap: float
) -> Tensor:
    """[T] truncated importance weights of whole samples, without gradient: each token has its sample's, the product of
    its tokens' ratios. `samples_T` says whose token it is, and all tokens of a sample must be among the T.
    """
    differences_T = logprobs_T.detach() - sampler_logprobs_T
    sums_S = differences_T.new_zeros(int(samples_T.max()) + 1 if len(samples_T) else 0)
    return sums_S.index_add(0, samples_T, differences_T).exp().clamp(max=cap)[samples_T]


def clipped_ratio_loss(
    logprobs_T: Tensor, old_logprobs_T: Tensor, advantages_T: Tensor, clip_low: float, clip_high: float
) -> tuple[Tensor, Tensor]:
    """[T] losses, and [T] booleans: where the clip stopped the gradient."""
    ratios_T = (logprobs_T - old_logprobs_T).exp()
    unclipped_T = ratios_T * advantages_T
    clipped_T = ratios_T.clamp(1 - clip_low, 1 + clip_high) * advantages_T
    return -torch.minimum(unclipped_T, clipped_T), clipped_T < unclipped_T


def kl_loss(logprobs_T: Tensor, old_logprobs_T: Tensor, reference_logprobs_T: Tensor) -> Tensor:
    """[T] estimates of KL(pi, pi_reference), never negative: rho (e^d - d - 1), d = log pi_reference - log pi ("k3").

    The ratio rho = pi / pi_old is 1 where pi_old is pi itself, and yet needed: with its gradient the estimate's is that
    of the divergence (DeepSeek-V3.2, TRL's `use_bias_correction_kl`); without, it is that of another function.
    """
    difference_T = reference_logprobs_T - logprobs_T
    return (logprobs_T - old_logprobs_T).exp() * (difference_T.exp() - difference_T - 1)
