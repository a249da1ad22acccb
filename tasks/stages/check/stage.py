"""What `check` makes, and from what: checks, from the demonstrations, the policy's chat template and the verifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel

from schemas.checks import CHECKS
from tasks.artefact.stage import Stage
from tasks.policy.files import Policy
from tasks.policy.parsing import parser_identity
from tasks.stages.check.self_check import SelfCheck
from tasks.store.manifest import Ref
from tasks.verifiers.build import identity
from tasks.verifiers.section import ScoreConfig


def summary_of(part_summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest's summary."""
    return reduce(SelfCheck.plus, map(SelfCheck.model_validate, part_summaries), SelfCheck()).summary()


STAGE = Stage("checks", version=1, tables={"checks": CHECKS}, summarise=summary_of)


class CheckSpec(BaseModel):
    """Everything the child needs: where to read, what to check with, where to write."""

    store: str
    target: Ref
    states: Ref
    trajectories: Ref
    policy: Policy
    config: ScoreConfig


def inputs(states: Ref, policy: Policy, config: ScoreConfig) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {
        "states": str(states),
        **policy.inputs,
        "verifier": identity(config.verifier),
        "parser": parser_identity(config.parser),
    }
