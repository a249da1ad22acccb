"""What `evaluate` makes, and from what: measurements of one policy, on held-out states, in worlds and by skills."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.config import EvaluateConfig
from schemas.evaluations import EVALUATIONS
from tasks.artefact.stage import Stage
from tasks.errors import ConfigurationError
from tasks.policy.files import Policy
from tasks.policy.parsing import parser_identity
from tasks.store.manifest import Ref
from tasks.verifiers.build import fingerprint
from tasks.verifiers.section import ScoreConfig
from tasks.worlds.skills import SKILLS
from tasks.worlds.world import load

STAGE = Stage("evaluations", version=5, tables={"evaluations": EVALUATIONS})


def inputs(states: Ref, policy: Policy, score: ScoreConfig, seed: int) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {
        "states": str(states),
        **policy.inputs,
        "verifier": fingerprint(score.verifier),
        "parser": parser_identity(score.parser),
        "seed": str(seed),
    }


class EvaluateSpec(BaseModel):
    """Everything the child needs: where to read, what to measure, where to write."""

    store: str
    target: Ref
    states: Ref
    trajectories: Ref
    policy: Policy
    config: EvaluateConfig
    score: ScoreConfig
    seed: int


def chosen_skills(config: EvaluateConfig) -> tuple[str, ...]:
    """The skills to measure.

    Raises:
        ConfigurationError: a skill that does not exist.
    """
    names = tuple(SKILLS) if config.skills == ("all",) else config.skills
    unknown = [name for name in names if name not in SKILLS]
    if unknown:
        raise ConfigurationError(f"evaluate.skills: no skill {unknown[0]!r}; there are {', '.join(SKILLS)} and all")
    return names


def check(config: EvaluateConfig) -> None:
    """Refuse at the start of a run what would fail at its end.

    Raises:
        ConfigurationError: a skill or world that does not exist, or one that is named twice.
    """
    worlds = (*config.worlds, *config.ood_worlds)
    for kind, names in (("world", worlds), ("skill", chosen_skills(config))):
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise ConfigurationError(f"evaluate: the {kind} {repeated[0]!r} is named twice")
    for name in worlds:
        load(name)
