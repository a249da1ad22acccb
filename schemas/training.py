"""The section `train` of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.section import RUNTIME, Engine, Section


class TrainEngine(Engine):
    """The sampling engine beside a trainer, whose weights, gradients and optimiser need the rest of the memory."""

    gpu_memory_utilization: Annotated[float, RUNTIME] = Field(
        0.4,
        gt=0,
        le=1,
        title="GPU memory share",
        description="Share of the accelerator's memory for the engine's weights and key-value cache; the trainer has "
        "the rest. Unused on a CPU.",
    )


class TrainConfig(Section):
    """GRPO on pivots, or SFT on the same demonstrations."""

    # What is trained, on how much.
    method: Literal["grpo", "sft"] = Field(
        "grpo", title="Method", description="GRPO on pivots, or SFT on the demonstrations of all training states."
    )
    steps: int = Field(40, ge=1, title="Steps", description="Updates of the policy.")
    states_per_step: int = Field(
        32,
        ge=1,
        title="States per step",
        description="Pivots drawn for an update; where there are fewer, each step takes all.",
    )
    samples: int = Field(
        8, ge=2, le=1024, title="Samples per state (G)", description="Group size of GRPO; unused by SFT."
    )
    temperature: float = Field(
        1.0, gt=0, le=4, title="Temperature", description="Sampling temperature; use the rollouts' own."
    )
    max_tokens: int = Field(128, ge=1, title="Tokens per action", description="Most tokens of one action.")
    max_thinking_tokens: int = Field(
        0,
        ge=0,
        title="Tokens of thought",
        description="At most so many tokens of thought per action, beside the max_tokens of its answer. A longer "
        "thought is no action (overlong_reasoning). 0 = both share max_tokens.",
    )
    overlong: Literal["zero", "mask"] = Field(
        "zero",
        title="Overlong samples",
        description="Samples that a length limit cut off. zero: reward 0, as in profiles under either setting. mask: "
        "the step is taken as if they had not been sampled; they give no gradient and count neither in their group's "
        "mean and deviation nor in the loss's. That is DAPO's overlong filtering (arXiv 2503.14476), and more: DAPO "
        "masks the loss alone.",
    )
    max_state_tokens: int = Field(
        2048, ge=16, title="Tokens per state", description="States with longer prompts are dropped and counted."
    )
    refill: bool = Field(
        False,
        title="Refill steps",
        description="Draw further states in place of those without variance, so that a step keeps its size.",
    )

    # The optimiser.
    learning_rate: float = Field(
        1e-6, gt=0, le=1, title="Learning rate", description="AdamW's, constant after warm-up."
    )
    warmup_steps: int = Field(
        0, ge=0, title="Warm-up", description="Steps in which the learning rate rises linearly from 0."
    )
    weight_decay: float = Field(
        0.0, ge=0, le=1, title="Weight decay", description="AdamW's, on matrices only; 0 = off."
    )
    max_grad_norm: float = Field(
        1.0, gt=0, title="Largest gradient norm", description="Longer gradients are scaled down to this norm."
    )
    explosion_factor: Annotated[float, RUNTIME] = Field(
        1000.0,
        ge=0,
        title="Explosion",
        description="Training stops before an update whose gradient norm exceeds max_grad_norm and this many times the "
        "median of the last 100 (once there are 10); 0 = off.",
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=4096,
        title="LoRA rank",
        description="Rank of LoRA adapters on every linear layer but the head; 0 = all weights are trained.",
    )
    freeze_router: bool = Field(
        False,
        title="Freeze routers",
        description="In a mixture of experts, leave out of training what chooses the experts of a token.",
    )

    # The loss.
    advantage: Literal["grpo", "leave_one_out", "dr_grpo"] = Field(
        "grpo",
        title="Advantage",
        description="Of a reward r in its group: grpo (r - mean) / (std + eps); leave_one_out r - mean of the others; "
        "dr_grpo r - mean.",
    )
    aggregation: Literal["token_mean", "sequence_mean"] = Field(
        "token_mean", title="Mean over", description="Every token of a step counts alike, or every sample does."
    )
    clip_low: float = Field(
        0.2, ge=0, lt=1, title="Clip below", description="The ratio to the old policy is clipped below 1 - this."
    )
    clip_high: float = Field(
        0.2, ge=0, title="Clip above", description="The ratio to the old policy is clipped above 1 + this."
    )
    kl_coefficient: float = Field(
        0.0,
        ge=0,
        title="KL coefficient",
        description="Weight of the divergence from the reference policy, at samples of groups that vary; 0 = off.",
    )
    importance_cap: float = Field(
        2.0,
        ge=0,
        title="Importance cap",
        description="Truncated importance sampling: a loss is weighted by the policy's probability over the one that "
        "the sampler recorded, at most this. The old policy is then the one under training: its ratio is 1, and the "
        "clip does nothing, because each sample is used once. 0 = off: the clipped ratio is taken against the "
        "sampler's recorded log-probabilities.",
    )
    importance_level: Literal["token", "sequence"] = Field(
        "token",
        title="Importance of",
        description="What importance_cap truncates: each token's ratio, or the product over a sample's tokens.",
    )

    # Validation.
    validate_every: int = Field(
        0,
        ge=0,
        title="Validate every",
        description="Steps between validations on held-out states (greedy actions, same verifier). The best policy by "
        "them is the result. 0 = off.",
    )
    validation_states: int = Field(
        64, ge=1, title="Validation states", description="Most held-out states of a validation; the seed draws them."
    )
    patience: int = Field(
        0,
        ge=0,
        title="Patience",
        description="Training stops after so many validations in a row without a new best; 0 = never.",
    )

    # Memory and speed.
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        title="Precision",
        description="Of the forward and backward pass; weights and optimiser are float32.",
    )
    tokens_per_batch: Annotated[int, RUNTIME] = Field(
        16384,
        ge=64,
        title="Tokens per pass",
        description="Distinct tokens in one forward and backward pass of a process. Lower it when memory runs out.",
    )
    gradient_checkpointing: Annotated[bool, RUNTIME] = Field(
        False,
        title="Gradient checkpointing",
        description="Compute activations again in the backward pass: less memory, about a third more time.",
    )
    tree_attention: Annotated[Literal["dense", "blocks"], RUNTIME] = Field(
        "dense",
        title="Attention in trees",
        description="What keeps tokens of a tree to their own path: a mask of all pairs, or FlexAttention's block "
        "masks (GPU only).",
    )
    processes: Annotated[int, RUNTIME] = Field(
        1,
        ge=1,
        le=1024,
        title="Processes",
        description="Training processes on this machine, one per GPU: 8 on a node with 8. Each keeps a shard of "
        "weights, gradients and optimiser (FSDP), samples a part of a step's states with an engine of its own, and "
        "computes a part of its tokens. In float32 the update is that of one process; in bfloat16 it is rounded "
        "elsewhere. To start, the first needs main memory for the full model in float32.",
    )
    launcher: Annotated[str, RUNTIME] = Field(
        "",
        title="Launcher",
        description="For several nodes: the command that starts the processes on all of them. It stands in place of "
        "torchrun on this machine, such as: srun --nodes=4 --ntasks-per-node=1 torchrun --nnodes=4 --nproc-per-node=8 "
        "--rdzv-backend=c10d --rdzv-endpoint=NODE:29500. It gets -m MODULE FILE; TMPDIR, and the store's disk or the "
        "home folder, must be seen by every node.",
    )
    trackers: Annotated[tuple[Literal["tensorboard", "wandb", "mlflow"], ...], RUNTIME] = Field(
        (),
        title="Trackers",
        description="Where else each step's metrics go. TensorBoard's files lie in _trackers/ beside a store on disk, "
        "else in ~/.cache/pivotrl; the others read their own environment (WANDB_API_KEY, MLFLOW_TRACKING_URI).",
    )

    # The sampling engine.
    engine: TrainEngine = TrainEngine()

    @model_validator(mode="after")
    def _processes_share_engines(self) -> TrainConfig:
        shared = self.engine.tensor_parallel
        if not self.launcher and self.processes % shared:
            raise ValueError(
                f"engine.tensor_parallel ({shared}) training processes share an engine, so it must divide processes "
                f"({self.processes})"
            )
        return self

    @model_validator(mode="after")
    def _patience_has_validations(self) -> TrainConfig:
        if self.patience > 0 and self.validate_every == 0:
            raise ValueError(
                f"patience ({self.patience}) counts validations, and validate_every is 0: set it, or patience to 0"
            )
        return self
