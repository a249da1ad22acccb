"""The configuration of a run: one section a stage, named by its verb. Everything in a section enters that stage's
version, except what is marked `Runtime`: how fast or for how long, never what.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.locations import Location
from schemas.verifiers import VerifierSettings, WorldStateSettings


class _Runtime:
    """Marks a field that changes how a stage runs and not what it gives; it is left out of the version."""


RUNTIME = _Runtime()


class Section(BaseModel):
    """A section refuses keys it does not know, and never changes after it was read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        model_title_generator=lambda section: section.__name__.removesuffix("Config"),
    )


class Engine(Section):
    """The sampling engine of a child process."""

    max_model_len: int = Field(
        2048, ge=16, title="Context length", description="Prompt and action together, in tokens."
    )
    gpu_memory_utilization: Annotated[float, RUNTIME] = Field(
        0.85,
        gt=0,
        le=1,
        title="GPU memory share",
        description="Share of the accelerator's memory for weights and key-value cache; unused on a CPU.",
    )
    kv_cache_gib: Annotated[float, RUNTIME] = Field(
        1.0, gt=0, title="Key-value cache on a CPU", description="Key-value cache in GiB on a CPU."
    )
    timeout_s: Annotated[float, RUNTIME] = Field(
        6 * 3600.0,
        gt=0,
        title="Time limit",
        description="Seconds after which the child process is stopped and the stage fails.",
    )


class IngestConfig(Section):
    """Where trajectories come from and which are taken."""

    source: Location = Field(
        title="Source",
        description="A file, folder, glob or fsspec URL (s3://bucket/folder), or world://desk?episodes=200&seed=0.",
    )
    format: Literal[
        "auto", "openai", "tau2", "sharegpt", "responses", "swe_agent", "toolbench", "tooltalk", "openhands"
    ] = Field("auto", description="Format of every record; auto finds it by content, record by record.")
    reader: str | None = Field(
        None,
        title="Your own reader",
        description="Your own reader, as module:function; takes a record, gives one in the OpenAI form.",
    )
    domain: str = Field("", title="Domain", description="Domain of records that do not name one.")
    successful_only: bool = Field(
        False, title="Successful only", description="Take only trajectories recorded as successful."
    )
    min_reward: float | None = Field(
        None, title="Lowest reward", description="Take only trajectories with at least this reward."
    )
    limit: int | None = Field(
        None, ge=1, title="Trajectories at most", description="Take at most this many trajectories."
    )
    part_size: int = Field(
        64,
        ge=1,
        title="Trajectories a part",
        description="Trajectories a part: the unit of work, retry and peak memory.",
    )
    max_record_mb: int = Field(200, ge=1, title="Largest record", description="A larger record, in MB, is rejected.")


class SplitConfig(Section):
    """How trajectories become states, and which states are held out."""

    validation_fraction: float = Field(
        0.2, ge=0, lt=1, title="Held-out share", description="Share of tasks (or trajectories) held out for ever."
    )
    by: Literal["task", "trajectory"] = Field(
        "task", title="Kept together", description="What is kept together; task falls back to trajectory."
    )
    canned: Literal["exclude", "keep"] = Field(
        "exclude", title="Canned openings", description="Openings before any user message: not sampled actions."
    )
    empty: Literal["exclude", "keep"] = Field(
        "exclude", title="Empty actions", description="Actions with neither text nor a call."
    )
    terminal: Literal["exclude", "keep"] = Field(
        "keep", title="Closing messages", description="The last action of a trajectory, where it is a message."
    )


class RolloutConfig(Section):
    """K local rollouts a state: one action deep, no environment."""

    samples: int = Field(8, ge=2, le=1024, title="Samples a state (K)", description="Actions sampled at each state.")
    temperature: float = Field(
        1.0, gt=0, le=4, title="Temperature", description="Sampling temperature; use the training's own."
    )
    top_p: float = Field(1.0, gt=0, le=1, title="Nucleus (top p)", description="Nucleus sampling; 1 = off.")
    max_tokens: int = Field(128, ge=1, title="Tokens an action", description="Tokens of one action at most.")
    engine: Engine = Engine()


class ScoreConfig(Section):
    """The verifier, used alike here, in training and in evaluation."""

    verifier: VerifierSettings = Field(
        default_factory=WorldStateSettings,
        title="Verifier",
        description="What decides the reward of an action; your own is of kind python.",
    )
    parser: Literal["auto", "hermes", "qwen3_coder", "llama3_json", "mistral", "terminus"] = Field(
        "auto",
        title="Format of completions",
        description="Format of the policy's completions; auto finds it by the policy's chat template.",
    )
    min_gold_rate: float = Field(
        0.99,
        ge=0,
        le=1,
        title="Demonstrations that must pass",
        description="Share of demonstrations that must score 1 against their own state.",
    )
    max_junk_rate: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Junk that may pass",
        description="Share of junk controls that may get a reward before the stage fails.",
    )


class ProfileConfig(Section):
    """Statistics of a state's rewards."""

    confidence: float = Field(
        0.95, gt=0, lt=1, title="Confidence level", description="Level of the Wilson interval of the pass rate."
    )


class SelectConfig(Section):
    """Which states become pivots: rewards vary, and mean < max_mean (lambda_diff)."""

    mode: Literal["pivots", "random"] = Field(
        "pivots", title="Mode", description="random takes states without looking at their profile."
    )
    max_mean: float = Field(
        0.9,
        gt=0,
        le=1,
        title="Largest mean reward (lambda_diff)",
        description="A state whose mean reward is not below this is too easy (lambda_diff).",
    )
    tolerance: float = Field(
        1e-6, ge=0, title="Tolerance of variance", description="Rewards vary when max - min exceeds this."
    )
    budget: int | None = Field(None, ge=1, title="Pivots at most", description="Pivots at most.")
    stratify: bool = Field(
        True,
        title="Share the budget by kind",
        description="Share the budget among action kinds and tools, in proportion to what qualifies.",
    )
    allow_empty: bool = Field(False, title="Allow none", description="Do not fail when nothing was selected.")


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


class EvaluateConfig(Section):
    """Held-out states, episodes in a world and out-of-domain suites, before and after."""

    states: int | None = Field(
        None, ge=0, title="Held-out states at most", description="Held-out states at most; none given = all; 0 = skip."
    )
    samples: int = Field(
        4,
        ge=1,
        title="Samples a held-out state",
        description="Samples a held-out state at temperature 1, beside the greedy one.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=4,
        title="Temperature",
        description="Sampling temperature of the second measurement; the first is greedy.",
    )
    max_tokens: int = Field(128, ge=1, title="Tokens an action", description="Tokens of one action at most.")
    worlds: tuple[str, ...] = Field((), title="Worlds", description="In-domain worlds whose episodes are played.")
    ood_worlds: tuple[str, ...] = Field(
        (), title="Out-of-domain worlds", description="Worlds that training never touched."
    )
    episodes: int = Field(
        100, ge=1, title="Episodes a world", description="Episodes a world, for greedy and for sampled actions each."
    )
    max_turns: int = Field(
        20, ge=1, title="Turns at most", description="Assistant turns after which an episode has failed."
    )
    skills: tuple[str, ...] = Field(
        (), title="Out-of-domain skills", description="Built-in OOD skills; all = every one."
    )
    items: int = Field(100, ge=1, title="Items a skill", description="Items a skill.")
    engine: Engine = Engine()


class PipelineConfig(Section):
    """A whole run."""

    model: Location = Field(
        "desk", title="Model", description="The reference policy: a local folder, a hub id, or desk (built in)."
    )
    seed: Annotated[int, RUNTIME] = Field(0, ge=0, title="Seed", description="Of sampling, selection and training.")
    store: Annotated[Location, RUNTIME] = Field(
        ".pivotrl/store", title="Store", description="Root of the artefacts: a path or an fsspec URL."
    )
    rounds: int = Field(1, ge=1, le=100, title="Rounds", description="Times to profile, select and train.")
    ingest: IngestConfig
    split: SplitConfig = SplitConfig()
    rollout: RolloutConfig = RolloutConfig()
    score: ScoreConfig = ScoreConfig()
    profile: ProfileConfig = ProfileConfig()
    select: SelectConfig = SelectConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _contexts_fit(self) -> PipelineConfig:
        for name, section in (("rollout", self.rollout), ("train", self.train), ("evaluate", self.evaluate)):
            if section.max_tokens >= section.engine.max_model_len:
                raise ValueError(
                    f"{name}.max_tokens ({section.max_tokens}) leaves no room for a prompt in "
                    f"{name}.engine.max_model_len ({section.engine.max_model_len})"
                )
        return self


class GateConfig(Section):
    """What a candidate must show to be promoted. Suites count alike: each is the mean of greedy and sampled actions."""

    min_gain: float = Field(
        1.0,
        ge=0,
        le=10,
        title="Gain in domain, at least",
        description="In standard errors of the difference: the mean pass rate of the in-domain suites must rise by "
        "more.",
    )
    max_ood_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        title="Loss out of domain, at most",
        description="In pass rate: the mean over the OOD suites must not fall by more; 1 = whatever happens to them.",
    )
