"""The sections of a configuration, one per stage and named by its verb. Everything in a section enters that stage's
version, except what is marked `RUNTIME`: how fast or for how long, never what.

`train` is in schemas/training.py. `score` is in tasks/verifiers/section.py, beside the verifiers that it names.
The whole is put together in flows/settings/pipeline.py.
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
    """Where trajectories come from and which are taken."""

    source: Location = Field(
        title="Source",
        description="A file, folder, glob or fsspec URL (s3://bucket/folder), or world://desk?episodes=200&seed=0.",
    )
    format: Literal["auto", IngestFormat] = Field(
        "auto", description="Format of every record; auto finds it by content, record by record."
    )
    reader: str | None = Field(
        None,
        title="Your own reader",
        description="Your own reader, as module:function; takes a record, gives one in the OpenAI form.",
    )
    domain: str = Field("", title="Domain", description="Domain of records that do not name one.")
    successful_only: bool = Field(
        False,
        title="No failures",
        description="Leave out trajectories recorded as failed; those that record no outcome are taken.",
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
        "task",
        title="Kept together",
        description="What is never divided: the attempts at a task (where none is named, what opens with the same "
        "words), or the turns of one trajectory.",
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
    processes: Annotated[int, RUNTIME] = Field(
        1,
        ge=1,
        le=1024,
        title="Processes",
        description="Processes that sample on this machine, each with an engine on an accelerator of its own: 8 on a "
        "node with 8. Whoever is free takes the next part of the states (ingest.part_size trajectories), so let there "
        "be several a process; the rows are the same. Several nodes are not supported.",
    )
    engine: Engine = Engine()


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
    budget: int | None = Field(None, ge=1, title="Pivots at most", description="Pivots at most.")
    stratify: bool = Field(
        True,
        title="Share the budget by kind",
        description="Share the budget among action kinds and tools, in proportion to what qualifies.",
    )
    allow_empty: bool = Field(False, title="Allow none", description="Do not fail when nothing was selected.")


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


class GateConfig(Section):
    """What a candidate must show to be promoted. Suites count alike: each is the mean of greedy and sampled actions."""

    min_gain: float = Field(
        1.0,
        ge=-10,
        le=10,
        title="Gain in domain, at least",
        description="In standard errors of the difference: the mean pass rate of the in-domain suites must rise by "
        "more. Below 0 it may also fall by so much: newer data for no certain gain.",
    )
    max_ood_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        title="Loss out of domain, at most",
        description="In pass rate: the mean over the OOD suites must not fall by more; 1 = whatever happens to them.",
    )
