"""The section `train` of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.section import RUNTIME, Engine, Section


class TrainConfig(Section):
    """GRPO on pivots, or SFT on the same demonstrations."""

    method: Literal["grpo", "sft"] = "grpo"
    steps: int = Field(40, ge=1, description="Updates of the policy.")
    states_per_step: int = Field(32, ge=1, description="States a step.")
    samples: int = Field(8, ge=2, title="Samples a state (G)", description="Group size of GRPO; unused by SFT.")
    temperature: float = Field(1.0, gt=0, le=4, description="Sampling temperature; use the rollouts' own.")
    max_tokens: int = Field(128, ge=1, description="Tokens of one action at most.")
    learning_rate: float = Field(1e-6, gt=0, description="AdamW's, constant after warm-up.")
    warmup_steps: int = Field(0, ge=0, description="Steps of linear warm-up.")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    advantage: Literal["grpo", "leave_one_out", "dr_grpo"] = Field(
        "grpo", description="(r - mean) / (std + eps); r - mean of the others; r - mean."
    )
    clip_low: float = Field(0.2, ge=0, lt=1, description="Ratio is clipped below 1 - this.")
    clip_high: float = Field(0.2, ge=0, description="Ratio is clipped above 1 + this.")
    kl_coefficient: float = Field(
        0.0, ge=0, description="Weight of the KL divergence to the reference policy; 0 = off."
    )
    importance_cap: float = Field(
        2.0, ge=0, description="Truncated importance sampling of trainer against sampler, per token; 0 = off."
    )
    aggregation: Literal["token_mean", "sequence_mean"] = Field(
        "token_mean", description="How token losses are averaged."
    )
    max_state_tokens: int = Field(2048, ge=16, description="States with longer prompts are dropped and counted.")
    tokens_per_batch: Annotated[int, RUNTIME] = Field(
        16384, ge=64, description="Distinct tokens in one forward and backward pass; lower it when memory runs out."
    )
    precision: Literal["float32", "bfloat16"] = Field("float32", description="Of the forward and backward pass.")
    engine: Engine = Engine()
    importance_level: Literal["token", "sequence"] = Field(
        "token", description="What importance_cap truncates: each token's ratio, or the product over a sample's tokens."
    )
    refill: bool = Field(
        False, description="Draw further states in place of those without variance, so that a step keeps its size."
    )
    validate_every: int = Field(
        0, ge=0, description="Steps between validations on held-out states (greedy actions, same verifier); 0 = off."
    )
    validation_states: int = Field(
        64, ge=1, description="Held-out states of a validation at most; the seed draws them."
    )
    patience: int = Field(
        0, ge=0, description="Training stops after this many validations in a row without a new best; 0 = never."
    )
    lora_rank: int = Field(
        0, ge=0, description="Rank of LoRA adapters on every linear layer but the head; 0 = all weights are trained."
    )
    tree_attention: Annotated[Literal["dense", "blocks"], RUNTIME] = Field(
        "dense",
        description="How tokens of a tree see only their own path: a mask of all pairs, or FlexAttention's block masks "
        "(GPU only).",
    )
    gradient_checkpointing: Annotated[bool, RUNTIME] = Field(
        False, description="Compute activations again in the backward pass: less memory, about a third more time."
    )
