"""The sections of a configuration, one per stage and named by its verb.

Every field enters its stage's version, except those marked `RUNTIME`, which say how fast or for how long a stage runs
and never what it gives. `train` is in schemas/training.py. `score` is in tasks/verifiers/section.py, beside the
verifiers that it names. flows/settings/pipeline.py puts the whole together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.locations import Location
from schemas.section import RUNTIME, Engine, Section

IngestFormat = Literal[
    "responses",
    "toolbench",
    "swe_agent",
    "openhands",
    "tau2",
    "tooltalk",
    "sharegpt",
    "openai",
]
"""The formats of records: each is a file in tasks/stages/ingest/formats. `auto` tries them in this order, the most
telling first: a tau^2 simulation is also a list of chat messages."""


class IngestConfig(Section):
    """Where trajectories come from, and which of them are taken."""

    source: Location = Field(
        title="Source",
        description="A file, folder, glob or fsspec URL (s3://bucket/folder), or world://desk?episodes=200&seed=0.",
    )
    format: Literal["auto", IngestFormat] = Field(
        "auto", title="Format", description="Format of every record; auto tells it by content, record by record."
    )
    reader: str | None = Field(
        None,
        title="Your own reader",
        description="Your own reader, as module:function. It takes a record and returns one in the OpenAI form.",
    )
    domain: str = Field("", title="Domain", description="Domain of records that do not name one.")
    successful_only: bool = Field(
        False,
        title="No failures",
        description="Leave out trajectories that are recorded as failed. Those that record no outcome are taken.",
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
        title="Trajectories per part",
        description="A part is the unit of work and of retry, and bounds the memory.",
    )
    max_record_mb: int = Field(200, ge=1, title="Largest record (MB)", description="A larger record is rejected.")


class SplitConfig(Section):
    """How trajectories become states, and which states are held out."""

    validation_fraction: float = Field(
        0.2,
        ge=0,
        lt=1,
        title="Held-out share",
        description="Share of tasks (or trajectories) held out for ever.",
    )
    by: Literal["task", "trajectory"] = Field(
        "task",
        title="Kept together",
        description="What is never divided between training and validation: the attempts at a task, or the turns of a "
        "trajectory. Trajectories that name no task and open with the same words are attempts at one task.",
    )
    canned: Literal["exclude", "keep"] = Field(
        "exclude", title="Canned openings", description="Openings before any user message. They are no sampled actions."
    )
    empty: Literal["exclude", "keep"] = Field(
        "exclude", title="Empty actions", description="Actions with neither text nor a call."
    )
    terminal: Literal["exclude", "keep"] = Field(
        "keep", title="Closing messages", description="The last action of a trajectory, where it is a message."
    )
    reasoning: Literal["keep", "drop", "require"] = Field(
        "keep",
        title="Reasoning",
        description="Of the recorded assistant. keep: as recorded. Where a demonstration has none, SFT teaches a "
        "thinking policy to answer without a thought. drop: neither histories nor demonstrations have any, and SFT "
        "teaches that everywhere. require: only states whose demonstration has some take part. GRPO lets the policy "
        "think under each of them: a thought is never compared with the recorded one.",
    )


class RolloutConfig(Section):
    """K local rollouts per state: one action deep, without an environment."""

    samples: int = Field(8, ge=2, le=1024, title="Samples per state (K)", description="Actions sampled at each state.")
    temperature: float = Field(
        1.0, gt=0, le=4, title="Temperature", description="Sampling temperature. Use the training's own."
    )
    top_p: float = Field(1.0, gt=0, le=1, title="Nucleus (top p)", description="Nucleus sampling; 1 = off.")
    max_tokens: int = Field(128, ge=1, title="Tokens per action", description="At most so many tokens per action.")
    max_thinking_tokens: int = Field(
        0,
        ge=0,
        title="Tokens of thought",
        description="At most so many tokens of thought per action, beside the max_tokens of its answer. A longer "
        "thought is no action (overlong_reasoning). 0 = both share max_tokens.",
    )
    processes: Annotated[int, RUNTIME] = Field(
        1,
        ge=1,
        le=1024,
        title="Processes",
        description="Processes that sample on this machine, each with an engine on an accelerator of its own: 8 on a "
        "node with 8. A free process takes the next part of the states, so let there be several parts per process "
        "(ingest.part_size). The rows do not depend on it. Several nodes are not supported.",
    )
    engine: Engine = Engine()


class ProfileConfig(Section):
    """Statistics of the rewards at each state."""

    confidence: float = Field(
        0.95, gt=0, lt=1, title="Confidence level", description="Level of the Wilson interval of a state's pass rate."
    )


class SelectConfig(Section):
    """Which states become pivots: those whose rewards vary, with a mean below max_mean (lambda_diff)."""

    mode: Literal["pivots", "random"] = Field(
        "pivots",
        title="Mode",
        description="pivots: by profile; random: states drawn without looking at it.",
    )
    max_mean: float = Field(
        0.9,
        gt=0,
        le=1,
        title="Largest mean reward (lambda_diff)",
        description="A state whose mean reward is not below this is too easy.",
    )
    budget: int | None = Field(None, ge=1, title="Pivots at most", description="Empty = all that qualify.")
    stratify: bool = Field(
        True,
        title="Share the budget by kind",
        description="Share the budget among kinds of action and tools, in proportion to the states that qualify.",
    )
    allow_empty: bool = Field(False, title="Allow none", description="Do not fail where no state was selected.")


class EvaluateConfig(Section):
    """What is measured: held-out states, episodes in a world, and out-of-domain suites."""

    states: int | None = Field(
        None, ge=0, title="Held-out states at most", description="Measure at most so many; empty = all; 0 = none."
    )
    samples: int = Field(
        4,
        ge=1,
        title="Samples per held-out state",
        description="Sampled actions per held-out state, beside the greedy one.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=4,
        title="Temperature",
        description="Sampling temperature of the sampled actions.",
    )
    max_tokens: int = Field(128, ge=1, title="Tokens per action", description="At most so many tokens per action.")
    max_thinking_tokens: int = Field(
        0,
        ge=0,
        title="Tokens of thought",
        description="At most so many tokens of thought per action, beside the max_tokens of its answer. A longer "
        "thought is no action (overlong_reasoning). 0 = both share max_tokens.",
    )
    worlds: tuple[str, ...] = Field((), title="Worlds", description="In-domain worlds whose episodes are played.")
    ood_worlds: tuple[str, ...] = Field(
        (), title="Out-of-domain worlds", description="Worlds that training never touched."
    )
    episodes: int = Field(
        100, ge=1, title="Episodes per world", description="So many with greedy actions, and as many with sampled ones."
    )
    max_turns: int = Field(
        20, ge=1, title="Turns at most", description="An episode with more assistant turns has failed."
    )
    skills: tuple[str, ...] = Field(
        (), title="Out-of-domain skills", description="Built-in out-of-domain skills; all = every one."
    )
    items: int = Field(100, ge=1, title="Items per skill", description="Items asked per skill.")
    engine: Engine = Engine()


class GateConfig(Section):
    """What a candidate must show to be promoted. A suite's result is the mean of greedy and sampled actions."""

    min_gain: float = Field(
        1.0,
        ge=-10,
        le=10,
        title="Gain in domain, at least",
        description="The mean pass rate of the in-domain suites must rise by more than so many standard errors of the "
        "difference. Below 0 it may also fall by so much: newer data for no certain gain.",
    )
    max_ood_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        title="Loss out of domain, at most",
        description="The mean pass rate of the out-of-domain suites must not fall by more; 1 = whatever it does.",
    )
