"""Log-probabilities of a pack's predicted tokens, through an unmodified transformers decoder.

transformers hands a mask of four dimensions to every layer as it is; that and the positions are all a tree needs. It is
right for decoders in which tokens meet only in full attention. `refusal` tries a small tree to find out, so that a
model with another mechanism (sliding windows, linear attention, state spaces) is computed one sample at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from tasks.errors import InputError
from tasks.stages.train.compute.tree import Branch, Pack, pack, plant

LOGITS_AT_ONCE = 2**25
"""Elements of the largest [tokens, vocabulary] block: 128 MiB in float32."""

_PROBE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class TokenScores:
    """A pack's T predicted tokens, in nats: log-probabilities with gradient, and entropies of their distributions."""

    logprobs_T: Tensor
    entropies_T: Tensor


def attention_argument(pack: Pack) -> Tensor | None:
    """What the model takes as `attention_mask`: None where its own causal mask is right, else booleans [R, 1, N, N]."""
    if pack.chains:
        return None
    node_N = torch.arange(pack.exits_RN.shape[1], device=pack.exits_RN.device)
    mask_RNN = node_N[None, :, None] < pack.exits_RN[:, None, :]
    mask_RNN &= node_N[None, None, :] <= node_N[None, :, None]
    return mask_RNN[:, None]


def visible(exits_RN: Tensor) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """FlexAttention's mask function for trees: of a row, a head, and two nodes, whether the first attends to the
    second."""

    def attends(row: Tensor, head: Tensor, node: Tensor, other: Tensor) -> Tensor:
        return (other <= node) & (node < exits_RN[row, other])

    return attends


def _argument(model: PreTrainedModel, pack: Pack) -> Tensor | BlockMask | None:
    """`attention_argument`, or the same as a block mask for a model that was set to FlexAttention.

    transformers compiles FlexAttention at the first pack and, with free lengths, at the second; its kernels skip every
    block of 128 by 128 nodes of which none attends to another.
    """
    if pack.chains or model.config._attn_implementation != "flex_attention":
        return attention_argument(pack)
    rows, nodes = pack.exits_RN.shape
    return create_block_mask(visible(pack.exits_RN), rows, None, nodes, nodes, device=pack.exits_RN.device)


def _logits(model: PreTrainedModel, hidden_UD: Tensor) -> Tensor:
    """What `model.forward` makes of hidden states: the head, then the scaling that some families put after it."""
    logits_UV: Tensor = model.get_output_embeddings()(hidden_UD)  # type: ignore[no-untyped-call]
    config = model.config.get_text_config()
    if scale := getattr(config, "logit_scale", None):  # Cohere
        logits_UV = logits_UV * scale
    if scaling := getattr(config, "logits_scaling", None):  # Granite
        logits_UV = logits_UV / scaling
    if cap := getattr(config, "final_logit_softcapping", None):  # Gemma 2
        logits_UV = torch.tanh(logits_UV / cap) * cap
    return logits_UV


def _score(model: PreTrainedModel, hidden_UD: Tensor, targets_U: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logprobs_UV = torch.log_softmax(_logits(model, hidden_UD).float() / temperature, dim=-1)
    with torch.no_grad():
        entropies_U = -(logprobs_UV.exp() * logprobs_UV).nan_to_num(0.0).sum(-1)
    return logprobs_UV.gather(-1, targets_U[:, None])[:, 0], entropies_U


def scored(model: PreTrainedModel, pack: Pack, temperature: float) -> tuple[Tensor, Tensor]:
    """The two tensors of `score`, computed where the model's weights are whole (see sharding.py)."""
    hidden_RND: Tensor = model.base_model(
        input_ids=pack.token_ids_RN,
        attention_mask=_argument(model, pack),
        position_ids=None if pack.chains else pack.positions_RN,
        use_cache=False,
    ).last_hidden_state
    hidden_UD = hidden_RND.flatten(0, 1)[pack.predictors_U]
    block = max(1, LOGITS_AT_ONCE // model.config.get_text_config().vocab_size)
    logprobs, entropies = [], []
    for hidden_BD, targets_B in zip(torch.split(hidden_UD, block), torch.split(pack.targets_U, block), strict=True):
        logprobs_B, entropies_B = checkpoint(_score, model, hidden_BD, targets_B, temperature, use_reentrant=False)
        logprobs.append(logprobs_B)
        entropies.append(entropies_B)
    return torch.cat(logprobs)[pack.pairs_T], torch.cat(entropies)[pack.pairs_T]


def score(model: PreTrainedModel, pack: Pack, temperature: float) -> TokenScores:
    """The forward pass over a pack.

    Logits exist for a block of predicted tokens at a time, and are computed again in the backward pass.
    """
    sharded = getattr(model, "scored", None)
    found = sharded(pack, temperature) if sharded else scored(model, pack, temperature)
    return TokenScores(*found)


def _window(config: Any, longest: int) -> str | None:
    """Why an attention window of this model would cut a path of `longest` tokens, or None."""
    if getattr(config, "use_sliding_window", True) is False:
        return None
    kinds = set(getattr(config, "layer_types", None) or [])
    for kind, name in (("sliding_attention", "sliding_window"), ("chunked_attention", "attention_chunk_size")):
        size = getattr(config, name, None)
        if size is not None and size < longest and (not kinds or kind in kinds):
            return f"{name} {size} is shorter than the longest sequence ({longest} tokens)"
    return None


@torch.no_grad()
def refusal(model: PreTrainedModel, longest: int) -> str | None:
    """Why this model cannot be computed by trees, or None.

    It cannot with an attention window shorter than `longest` tokens, or when a small tree and plain sequences disagree.

    Raises:
        InputError: even without a tree the log-probabilities differ from those of the model's own forward pass.
    """
    if reason := _window(model.config.get_text_config(), longest):
        return reason
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (16,), generator=torch.Generator().manual_seed(0)).tolist()
    branches = [Branch("", ids[:4], ids[4:10]), Branch("", ids[:4], ids[10:]), Branch("", ids[:8], ids[8:12])]
    expected_M = torch.cat([_plain_logprobs(model, branch) for branch in branches])
    flat = float((_probe(model, branches, share=False) - expected_M).abs().max())
    if not flat < _PROBE_TOLERANCE:
        raise InputError(
            f"model class {type(model).__name__}: log-probabilities from its hidden states and head differ by "
            f"{flat:.3g} nats from its own forward pass; the trainer does not know this kind of head"
        )
    try:
        tree = float((_probe(model, branches, share=True) - expected_M).abs().max())
    except (RuntimeError, TypeError, ValueError) as error:  # the author of a foreign model chooses what it raises
        return f"{type(model).__name__} does not take a tree's attention mask ({str(error).splitlines()[0]})"
    return None if tree < _PROBE_TOLERANCE else f"{type(model).__name__} mixes tokens otherwise than by full attention"


def _plain_logprobs(model: PreTrainedModel, branch: Branch) -> Tensor:
    ids = torch.tensor([[*branch.prompt, *branch.completion]], device=model.device)
    logprobs_LV: Tensor = model(ids, use_cache=False).logits[0].float().log_softmax(-1)
    start = len(branch.prompt)
    return logprobs_LV[start - 1 : -1].gather(-1, ids[0, start:, None])[:, 0]


def _probe(model: PreTrainedModel, branches: Sequence[Branch], share: bool) -> Tensor:
    (only,) = pack(plant(branches, 1024, 1024, share=share), 1024)
    only = only.to(model.device)
    scores = score(model, only, 1.0)
    return torch.zeros_like(scores.logprobs_T).index_copy(0, only.entries_T, scores.logprobs_T)
