"""The objective: from the rewards of a step to the loss of its tokens, as pure functions of tensors and settings.

To change the loss, or to add a kind of advantage, edit this file and the `Literal` in schemas/training.py; README.md
here shows how. textbook.py computes the same a sample at a time.

For a token of a sample with advantage A, ratio rho = pi / pi_old and sampler weight w = min(pi_old / pi_sampler, cap):

    loss = -w min(rho A, clip(rho, 1 - low, 1 + high) A) + kl_coefficient KL(pi, pi_reference)

Shapes: K groups (states) of G samples, S = K G samples of a step; T predicted tokens of a pack, M of a step.
Log-probabilities are in nats. A reward that is NaN belongs to no group: the verifier left it undecided, or the sample
is overlong and masked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from schemas.profiles import REWARD_TOLERANCE
from schemas.training import TrainConfig

# TRL's value: GRPOTrainer divides by std + 1e-4.
EPSILON = 1e-4


def groups_vary(rewards_KG: Tensor) -> Tensor:
    """[K] booleans: whether a group's raw rewards differ."""
    # Not `std != 0`: the mean of equal rewards is rounded, and their deviation then is not 0.
    undecided_KG = rewards_KG.isnan()
    highest_K = rewards_KG.masked_fill(undecided_KG, -torch.inf).amax(1)
    return highest_K - rewards_KG.masked_fill(undecided_KG, torch.inf).amin(1) > REWARD_TOLERANCE


def _centred(rewards_KG: Tensor) -> Tensor:
    """[K, G] r - mean of its group; 0 where undecided."""
    return (rewards_KG - rewards_KG.nanmean(1, keepdim=True)).nan_to_num(0.0)


def _sizes(rewards_KG: Tensor) -> Tensor:
    """[K, 1] decided samples of each group."""
    return (~rewards_KG.isnan()).sum(1, keepdim=True)


def _grpo(rewards_KG: Tensor) -> Tensor:
    centred_KG = _centred(rewards_KG)
    # The unbiased deviation (n - 1), as torch.std and thus TRL's GRPOTrainer has it.
    variance_K1 = centred_KG.square().sum(1, keepdim=True) / (_sizes(rewards_KG) - 1).clamp(min=1)
    return centred_KG / (variance_K1.sqrt() + EPSILON)


def _leave_one_out(rewards_KG: Tensor) -> Tensor:
    # RLOO (Ahmadian et al., arXiv 2402.14740): r less the mean of the others is n / (n - 1) times r less the mean.
    sizes_K1 = _sizes(rewards_KG)
    return _centred(rewards_KG) * (sizes_K1 / (sizes_K1 - 1).clamp(min=1))


def _dr_grpo(rewards_KG: Tensor) -> Tensor:
    # Dr. GRPO (Liu et al., arXiv 2503.20783): dividing by the deviation favours states that are nearly always right or
    # nearly always wrong.
    return _centred(rewards_KG)


ADVANTAGES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "grpo": _grpo,
    "leave_one_out": _leave_one_out,
    "dr_grpo": _dr_grpo,
}
"""By `train.advantage`: [K, G] rewards, NaN where undecided, to [K, G] finite advantages."""


def advantages(rewards_KG: Tensor, kind: str) -> Tensor:
    """[K, G] advantages within each group; exactly 0 where its rewards do not vary (paper, Proposition 3.1)."""
    return ADVANTAGES[kind](rewards_KG) * groups_vary(rewards_KG)[:, None]


def _token_mean(lengths_S: Tensor) -> Tensor:
    tokens = int(lengths_S.sum())
    return torch.full((tokens,), 1.0 / max(1, tokens))


def _sequence_mean(lengths_S: Tensor) -> Tensor:
    weights_S = 1.0 / (len(lengths_S) * lengths_S.clamp(min=1).float())
    return weights_S.repeat_interleave(lengths_S)


AGGREGATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"token_mean": _token_mean, "sequence_mean": _sequence_mean}
"""By `train.aggregation`: [S] lengths to [M] weights."""


def token_weights(lengths_S: Tensor, aggregation: str) -> Tensor:
    """[M] weights of a step's tokens, in sample order, with which the token losses add up to the step's loss.

    `token_mean`: every token counts alike; `sequence_mean`: every sample does, and within it every token.
    """
    return AGGREGATIONS[aggregation](lengths_S)


def _token_ratios(log_ratios_T: Tensor, samples_T: Tensor, cap: float) -> Tensor:
    return log_ratios_T.exp().clamp(max=cap)


def _sequence_ratios(log_ratios_T: Tensor, samples_T: Tensor, cap: float) -> Tensor:
    # TRL's "sequence_truncate": the ratio of a whole sample is the product over its tokens, and it is the unbiased
    # weight. All tokens of a sample must be among the T; packs keep them together.
    sums_S = log_ratios_T.new_zeros(int(samples_T.max()) + 1 if len(samples_T) else 0)
    return sums_S.index_add(0, samples_T, log_ratios_T).exp().clamp(max=cap)[samples_T]


IMPORTANCE_LEVELS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "token": _token_ratios,
    "sequence": _sequence_ratios,
}
"""By `train.importance_level`: [T] log-ratios and whose token each is, and the cap, to [T] weights."""


def importance_weights(
    logprobs_T: Tensor, sampler_logprobs_T: Tensor, samples_T: Tensor, cap: float, level: str
) -> Tensor:
    """[T] truncated importance weights min(pi_trainer / pi_sampler, cap), without gradient.

    They correct for the engine that sampled, whose kernels and precision are not the trainer's (Yao et al., "Your
    efficient RL framework secretly brings you off-policy RL training", 2025).

    Args:
        samples_T: the sample of each token.
    """
    return IMPORTANCE_LEVELS[level](logprobs_T.detach() - sampler_logprobs_T, samples_T, cap)


def clipped_ratio_loss(
    logprobs_T: Tensor, old_logprobs_T: Tensor, advantages_T: Tensor, clip_low: float, clip_high: float
) -> tuple[Tensor, Tensor]:
    """[T] losses, and [T] booleans: where the clip stopped the gradient (PPO, arXiv 1707.06347, equation 7)."""
    ratios_T = (logprobs_T - old_logprobs_T).exp()
    unclipped_T = ratios_T * advantages_T
    clipped_T = ratios_T.clamp(1 - clip_low, 1 + clip_high) * advantages_T
    return -torch.minimum(unclipped_T, clipped_T), clipped_T < unclipped_T


def kl_loss(logprobs_T: Tensor, old_logprobs_T: Tensor, reference_logprobs_T: Tensor) -> Tensor:
    """[T] estimates of KL(pi, pi_reference): rho (e^d - d - 1) with d = log pi_reference - log pi; never negative."""
    # e^d - d - 1 is the "k3" estimator (Schulman, "Approximating KL divergence", 2020).
    difference_T = reference_logprobs_T - logprobs_T
    # The ratio rho = pi / pi_old is 1 where pi_old is pi itself, and yet needed: with its gradient the estimate's is
    # that of the divergence (DeepSeek-V3.2, TRL's `use_bias_correction_kl`). Without, it is another function's.
    return (logprobs_T - old_logprobs_T).exp() * (difference_T.exp() - difference_T - 1)


def token_losses(
    config: TrainConfig,
    logprobs_T: Tensor,
    advantages_T: Tensor,
    samples_T: Tensor,
    sampler_logprobs_T: Tensor | None,
    reference_logprobs_T: Tensor | None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """[T] losses with gradient; and by the name of its column in schemas/policies.py what is measured at each token.

    Args:
        config: the section `train`.
        logprobs_T: of the policy under training, with gradient.
        advantages_T: of the token's sample.
        samples_T: the sample of each token.
        sampler_logprobs_T: as recorded when sampling; None makes the loss the cross-entropy (SFT).
        reference_logprobs_T: of the reference policy; None without a KL term.
    """
    if sampler_logprobs_T is None:
        return -logprobs_T * advantages_T, {}
    cap = config.importance_cap
    # Each sample is used for one update, so the policy under training is the one that sampled. With a cap, only the
    # sampler's other numerics are corrected for. Without, the recorded log-probabilities stand for the old policy.
    old_T = logprobs_T.detach() if cap > 0 else sampler_logprobs_T
    losses_T, clipped_T = clipped_ratio_loss(logprobs_T, old_T, advantages_T, config.clip_low, config.clip_high)
    if cap > 0:
        weights_T = importance_weights(logprobs_T, sampler_logprobs_T, samples_T, cap, config.importance_level)
        losses_T = losses_T * weights_T
    mismatch_T = (logprobs_T.detach() - sampler_logprobs_T).abs()
    measured = {"clip_share": clipped_T.float(), "sampler_mismatch": mismatch_T}
    if reference_logprobs_T is not None:
        kl_T = kl_loss(logprobs_T, old_T, reference_logprobs_T)
        losses_T = losses_T + config.kl_coefficient * kl_T
        measured["kl"] = kl_T.detach()
    return losses_T, measured
