"""The base policy's model, its optimisers and its learning-rate schedule."""

from __future__ import annotations

import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from tasks.worlds.pretraining.tokenizer import CONTEXT, END_OF_TEXT, END_OF_TURN, VOCABULARY

MUON_RATE, ADAM_RATE = 0.02, 3e-3
WARM_UP = 0.02
"""Part of a leg in which the rates rise to their full value."""


def build(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 of about 1M parameters with random weights; seed torch first."""
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        num_hidden_layers=4,
        intermediate_size=384,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.encode(END_OF_TURN)[0],
        pad_token_id=tokenizer.encode(END_OF_TEXT)[0],
    )
    return Qwen3ForCausalLM(config)  # type: ignore[no-untyped-call]


def optimisers(model: Qwen3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms."""
    # Only Muon made copying emerge within minutes.
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate(progress: float, cool_down: float) -> float:
    """The factor on both rates at `progress` (0 to 1) of a leg. They fall in its last part, `cool_down`."""
    return min(1.0, (progress + 1e-3) / WARM_UP, (1.0 - progress) / cool_down)


def loss(
    model: Qwen3ForCausalLM, ids_B_T: torch.Tensor, targets_B_T: torch.Tensor, weights_B_T: torch.Tensor
) -> torch.Tensor:
    """Weighted mean cross-entropy over the targets with a weight. Logits are computed for those only."""
    hidden_B_T_D = model.model(input_ids=ids_B_T, use_cache=False).last_hidden_state
    wanted_B_T = weights_B_T > 0
    logits_N_V = model.lm_head(hidden_B_T_D[wanted_B_T])
    losses_N = functional.cross_entropy(logits_N_V.float(), targets_B_T[wanted_B_T], reduction="none")
    weights_N = weights_B_T[wanted_B_T]
    return (losses_N * weights_N).sum() / weights_N.sum()
