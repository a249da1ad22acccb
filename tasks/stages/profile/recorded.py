"""Profiles that imported rows bring along: the rewards of a state's rollouts, or its pass rate (NeMo Gym's
`pass_rate_total` and `pass_rate_passed`). Where a state has both, the rewards count.

Another policy made them, and difficulty does not transfer between models: the artefact says so, by its input
`policy: recorded` and by `profiled_by` in its summary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import polars as pl

from schemas.config import ProfileConfig
from schemas.profiles import PROFILES, Unrecorded
from schemas.states import Split
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.stages.profile.stage import wilson
from tasks.store.manifest import Ref
from tasks.store.store import Store

RECORDED = "recorded"
"""Stands where the version of the sampling policy would."""
_SLACK = 0.5
"""A rate that was rounded to two digits still belongs to its counts: |rate * total - passed| may be this much."""

Rewarded = Mapping[str, Sequence[tuple[float, str]]]
"""By trajectory_id, whose last action is the state: each sample's reward, and its action as text."""


def counts(metadata: Mapping[str, Any]) -> tuple[int, int] | Unrecorded:
    """(samples, passed) of a row's metadata, or why there are none."""
    rate, total, passed = (metadata.get(key) for key in ("pass_rate", "pass_rate_total", "pass_rate_passed"))
    if rate is None and passed is None:
        return Unrecorded.NO_PASS_RATE
    if total is None:
        return Unrecorded.NO_TOTAL
    values = [value for value in (rate, total, passed) if value is not None]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return Unrecorded.IMPOSSIBLE
    found = passed if passed is not None else rate * total
    contradicts = rate is not None and abs(rate * total - found) > _SLACK
    if contradicts or total < 1 or not 0 <= found <= total:
        return Unrecorded.IMPOSSIBLE
    return round(total), round(found)


def recorded_part(
    states: pl.DataFrame, trajectories: pl.DataFrame, config: ProfileConfig, rewarded: Rewarded
) -> tuple[pl.DataFrame, Counter[str]]:
    """One row a training state that has recorded rewards or a pass rate, and why the others have none."""
    metadata = {key: json.loads(text) for key, text in trajectories.select("trajectory_id", "metadata").iter_rows()}
    rows, reasons = [], Counter[str]()
    for state in states.filter(excluded="", split=Split.TRAIN.value).iter_rows(named=True):
        samples = rewarded.get(state["trajectory_id"])
        found = _of_samples(samples) if samples else _of_counts(counts(metadata[state["trajectory_id"]]))
        if isinstance(found, Unrecorded):
            reasons[found.value] += 1
        else:
            known = {key: state[key] for key in ("trajectory_id", "turn_index", "domain", "kind", "tool")}
            rows.append({**known, **found, "parse_failures": 0})
    low, high = wilson(pl.col("mean"), pl.col("n"), config.confidence)
    return frame(PROFILES, rows).with_columns(low=low, high=high), reasons


def _of_samples(samples: Sequence[tuple[float, str]]) -> dict[str, Any] | Unrecorded:
    """The statistics of rewards, as `profile` computes them."""
    rewards = [reward for reward, _ in samples]
    if not all(0 <= reward <= 1 for reward in rewards):
        return Unrecorded.IMPOSSIBLE_REWARD
    mean = fmean(rewards)
    return {
        "n": len(rewards),
        "successes": sum(reward == 1 for reward in rewards),
        "mean": mean,
        "variance": fmean((reward - mean) ** 2 for reward in rewards),
        "min": min(rewards),
        "max": max(rewards),
        "distinct_actions": len({action for _, action in samples}),
    }


def _of_counts(found: tuple[int, int] | Unrecorded) -> dict[str, Any] | Unrecorded:
    """What a pass rate tells; what the samples were is not known, so they count as no distinct actions."""
    if isinstance(found, Unrecorded):
        return found
    n, passed = found
    mean = passed / n
    return {
        "n": n,
        "successes": passed,
        "mean": mean,
        "variance": mean * (1 - mean),
        "min": float(passed == n),
        "max": float(passed > 0),
        "distinct_actions": 0,
    }


def write_recorded(
    writer: Writer, store: Store, states: Ref, trajectories: Ref, config: ProfileConfig, rewarded: Rewarded
) -> None:
    """Every part of the states, in order."""
    summary = {"profiled_by": "another policy: pass rates or rewards were recorded in the source"}
    for (index, part), (_, sources) in zip(store.parts(states), store.parts(trajectories), strict=True):
        if not writer.done(index):
            profiles, reasons = recorded_part(part, sources, config, rewarded)
            writer.write(index, {"profiles": profiles}, reasons=reasons, summary=summary)


def any_recorded(store: Store, trajectories: Ref) -> bool:
    """Whether a trajectory brings a pass rate or a rollout's reward along."""
    return any(_has_record(part) for _, part in store.parts(trajectories, columns=["metadata"]))


def _has_record(trajectories: pl.DataFrame) -> bool:
    found = map(json.loads, trajectories["metadata"])
    return any("response_reward" in one or not isinstance(counts(one), Unrecorded) for one in found)
