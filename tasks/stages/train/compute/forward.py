"""Log-probabilities of a pack's predicted tokens, through an unmodified transformers decoder.

transformers hands a mask of four dimensions to every layer as it is. With that and the positions a decoder computes
trees, if its tokens interact in full attention only. `refusal` tries a small tree to find out. A model with another
mechanism (sliding windows, linear attention, state spaces) is computed one sample at a time.

Shapes: as in tree.py; B of the U pairs whose logits are computed together, D the hidden size, V the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from tasks.errors import InputError
from tasks.stages.train.compute.tree import Branch, Pack, build_trees, pack

LOGITS_AT_ONCE = 2**25
"""Elements of the largest [B, V] block of logits: 128 MiB in float32."""

SHARDED_METHOD = "compute_token_logprobs"
"""Name of the method by which a sharded model computes (see sharding.py)."""

_PROBE_TOLERANCE = 1e-3
"""Nats. Kernels for different masks round differently in float32, by some 1e-5; another mechanism differs by tenths."""


def attention_mask(pack: Pack) -> Tensor | None:
    """What the model takes as `attention_mask`: None where its own causal mask is right, else booleans [R, 1, N, N]."""
    if pack.chains:
        return None
    node_N = torch.arange(pack.exits_RN.shape[1], device=pack.exits_RN.device)
    mask_RNN = node_N[None, :, None] < pack.exits_RN[:, None, :]
    mask_RNN &= node_N[None, None, :] <= node_N[None, :, None]
    return mask_RNN[:, None]


def tree_mask(exits_RN: Tensor) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """FlexAttention's mask function for trees. It takes a row, a head and two nodes, and says whether the first node
    attends to the second."""

    def attends(row: Tensor, head: Tensor, node: Tensor, other: Tensor) -> Tensor:
        return (other <= node) & (node < exits_RN[row, other])

    return attends


def _mask(model: PreTrainedModel, pack: Pack) -> Tensor | BlockMask | None:
    """`attention_mask` as the model's kind of attention wants it: booleans, numbers to add, or a block mask."""
    kind = model.config._attn_implementation
    if not pack.chains and kind == "eager":
        allowed = attention_mask(pack)
        assert allowed is not None
        return torch.zeros(allowed.shape, device=allowed.device).masked_fill(~allowed, torch.finfo(torch.float32).min)
    # transformers compiles FlexAttention at the first pack and, with free lengths, at the second. Its kernels skip
    # every block of 128 by 128 nodes in which no node attends to another.
    if pack.chains or kind != "flex_attention":
        return attention_mask(pack)
    rows, nodes = pack.exits_RN.shape
    return create_block_mask(tree_mask(pack.exits_RN), rows, None, nodes, nodes, device=pack.exits_RN.device)


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


def _head(model: PreTrainedModel, hidden_BD: Tensor, targets_B: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logprobs_BV = torch.log_softmax(_logits(model, hidden_BD).float() / temperature, dim=-1)
    with torch.no_grad():
        # 0 log 0 is NaN in floating point, where a token has no probability, and 0 in an entropy.
        entropies_B = -(logprobs_BV.exp() * logprobs_BV).nan_to_num(0.0).sum(-1)
    return logprobs_BV.gather(-1, targets_B[:, None])[:, 0], entropies_B


def compute_token_logprobs(model: PreTrainedModel, pack: Pack, temperature: float) -> tuple[Tensor, Tensor]:
    """As `token_logprobs`, where the model's weights are not sharded or are gathered."""
    hidden_RND: Tensor = model.base_model(
        input_ids=pack.token_ids_RN,
        attention_mask=_mask(model, pack),
        position_ids=None if pack.chains else pack.positions_RN,
        use_cache=False,
    ).last_hidden_state
    hidden_UD = hidden_RND.flatten(0, 1)[pack.predictors_U]
    # The logits of all tokens would be the largest tensor by far. They exist for a block of tokens at a time, and are
    # computed again in the backward pass.
    block = max(1, LOGITS_AT_ONCE // model.config.get_text_config().vocab_size)
    logprobs, entropies = [], []
    for hidden_BD, targets_B in zip(torch.split(hidden_UD, block), torch.split(pack.targets_U, block), strict=True):
        logprobs_B, entropies_B = checkpoint(_head, model, hidden_BD, targets_B, temperature, use_reentrant=False)
        logprobs.append(logprobs_B)
        entropies.append(entropies_B)
    return torch.cat(logprobs)[pack.pairs_T], torch.cat(entropies)[pack.pairs_T]


def token_logprobs(model: PreTrainedModel, pack: Pack, temperature: float) -> tuple[Tensor, Tensor]:
    """Of a pack's T predicted tokens the log-probabilities, with gradient, and the entropies of their distributions,
    both in nats."""
    sharded = getattr(model, SHARDED_METHOD, None)
    logprobs_T, entropies_T = (
        sharded(pack, temperature) if sharded else compute_token_logprobs(model, pack, temperature)
    )
    return logprobs_T, entropies_T


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

    It cannot with an attention window shorter than `longest` tokens, or where the log-probabilities of a small tree are
    not those of plain sequences.

    Raises:
        InputError: even without a tree the log-probabilities differ from those of the model's own forward pass.
    """
    if reason := _window(model.config.get_text_config(), longest):
        return reason
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (16,), generator=torch.Generator().manual_seed(0)).tolist()
    branches = [Branch("", ids[:4], ids[4:10]), Branch("", ids[:4], ids[10:]), Branch("", ids[:8], ids[8:12])]
    expected_M = torch.cat([_plain_logprobs(model, branch) for branch in branches])
    repeated = float((_probe(model, branches, share=False) - expected_M).abs().max())
    if not repeated < _PROBE_TOLERANCE:
        raise InputError(
            f"model class {type(model).__name__}: log-probabilities from its hidden states and head differ by "
            f"{repeated:.3g} nats from its own forward pass; the trainer does not know this kind of head"
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
    (probe,) = pack(build_trees(branches, 1024, 1024, share=share), 1024)
    probe = probe.to(model.device)
    logprobs_T, _ = token_logprobs(model, probe, 1.0)
    return torch.zeros_like(logprobs_T).index_copy(0, probe.entries_T, logprobs_T)
