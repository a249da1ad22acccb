"""Run the suites that a configuration names, greedy and sampled, and summarise each as a row of `evaluations`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from schemas.config import EvaluateConfig
from schemas.evaluations import Scope, Suite
from tasks.errors import StageFailed
from tasks.stages.evaluate import suites
from tasks.stages.evaluate.actor import Actor
from tasks.stages.evaluate.stage import chosen_skills
from tasks.states.example import Example
from tasks.verifiers.verdict import Verify
from tasks.worlds.world import load

EVALUATION_SEED = 20_260
"""Tasks and items are the same for every policy and every seed of a run, so that two evaluations can be compared."""

Row = dict[str, Any]


def summary(suite: Suite, domain: str, scope: Scope, temperature: float, cases: Sequence[suites.Case]) -> Row:
    """The row of one measurement: the mean over cases, and its standard error over tasks.

    Raises:
        StageFailed: no case was decided.
    """
    if not cases:
        raise StageFailed(
            f"{suite.value} {domain}: the verifier decided no held-out state, so there is nothing to average; a judge "
            "gives no reward when its endpoint fails: see that score.verifier.url answers, and run again"
        )
    return {
        "suite": suite.value,
        "domain": domain,
        "scope": scope.value,
        "metric": "pass_rate",
        "temperature": temperature,
        "value": fmean(value for _, value in cases),
        "n": len(cases),
        "standard_error": standard_error(cases),
    }


def standard_error(cases: Sequence[suites.Case]) -> float:
    """Of the mean, where cases of one task may be alike (cluster-robust, Liang and Zeger 1986). It is stdev / sqrt(n)
    where every task has one case.
    """
    mean = fmean(value for _, value in cases)
    residuals: dict[str, float] = {}
    for task, value in cases:
        residuals[task] = residuals.get(task, 0.0) + value - mean
    tasks = len(residuals)
    if tasks < 2:  # says nothing about how tasks differ: the largest standard error that a rate can have
        return 0.5
    return math.sqrt(tasks / (tasks - 1) * sum(r * r for r in residuals.values())) / len(cases)


def measure(
    actor: Actor,
    config: EvaluateConfig,
    states: Sequence[Example],
    verify: Verify,
    on_row: Callable[[str], None],
    concurrency: int = 1,
) -> Iterator[Row]:
    """One row per suite, domain and temperature.

    Args:
        on_row: called after each row with what was measured.
        concurrency: states that are verified at once.
    """
    samples_at: Mapping[float, int] = {0.0: 1, config.temperature: config.samples}
    by_domain: dict[str, list[Example]] = {}
    for state in states:
        by_domain.setdefault(state.state.domain, []).append(state)
    worlds = [(name, Scope.IN_DOMAIN) for name in config.worlds] + [(name, Scope.OOD) for name in config.ood_worlds]
    for temperature, samples in samples_at.items():
        for domain, held_out in by_domain.items():
            cases = suites.held_out_states(actor.at(temperature, samples), held_out, verify, concurrency)
            yield summary(Suite.STATES, domain, Scope.IN_DOMAIN, temperature, cases)
            on_row(f"states {domain}")
        for name, scope in worlds:
            world = load(name)
            tasks = world.task_ids("test", config.episodes, EVALUATION_SEED)
            cases = suites.episodes(actor.at(temperature), world, tasks, config.max_turns)
            yield summary(Suite.EPISODES, name, scope, temperature, cases)
            on_row(f"episodes {name}")
        for name in chosen_skills(config):
            cases = suites.skill(actor.at(temperature), name, config.items, EVALUATION_SEED)
            yield summary(Suite.SKILL, name, Scope.OOD, temperature, cases)
            on_row(f"skill {name}")
