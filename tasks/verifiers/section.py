"""The section `score` of a configuration: the verifier, used alike in score, train and evaluate."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from schemas.section import Section
from tasks.policy.parsing import FORMATS
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.kinds.world_state import WorldStateSettings


def _check_parser(name: str) -> str:
    if name != "auto" and ":" not in name and name not in FORMATS:
        raise ValueError(f"no such format; there are auto, {', '.join(FORMATS)}, and module:function for your own")
    return name


ParserName = Annotated[
    str,
    AfterValidator(_check_parser),
    WithJsonSchema({"type": "string", "pattern": rf"^(auto|{'|'.join(FORMATS)}|[\w.]+:\w+)$"}),
]
"""A format of tasks/policy/parsing, auto, or a user's function."""


class ScoreConfig(Section):
    """The verifier, used alike here, in training and in evaluation."""

    verifier: VerifierSettings = Field(
        default_factory=WorldStateSettings,
        title="Verifier",
        description="What decides the reward of an action; your own is of kind python.",
    )
    parser: ParserName = Field(
        "auto",
        title="Format of completions",
        description="Format of the policy's completions. auto finds it by what the policy's chat template writes; none "
        "stands for data without calls; module:function is a reader of yours.",
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
    max_undecided: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Samples that may stay undecided",
        description="Share of samples that may stay undecided before the stage fails: a judge is down or its budget is "
        "spent, or a function raised.",
    )
