"""Profiles that imported rows bring along: the rewards of a state's rollouts, or its pass rate (NeMo Gym's
`pass_rate_total` and `pass_rate_passed`). Where a state has both, the rewards count.

They are another policy's, and difficulty does not transfer between models. The artefact says so, by its input
`policy: recorded` and by `profiled_by` in its summary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import polars as pl

from schemas.columns import STATE_KEY
from schemas.config import ProfileConfig
from schemas.profiles import PROFILES, Unrecorded
from schemas.states import Split
from tasks.artefact.writer import Writer
from tasks.stages.profile.reward_statistics import profiles_of, reward_statistics
from tasks.store.manifest import Ref
from tasks.store.store import Store

RECORDED = "recorded"
"""Stands in the artefact's inputs where the version of the sampling policy would."""

_SLACK = 0.5
"""|rate * total - passed| may be this much: a rate that was rounded to two digits still belongs to its counts."""

_SAMPLES = {"trajectory_id": pl.String, "turn_index": pl.Int32, "reward": pl.Float64, "action": pl.String}
_STATISTICS = {
    name: PROFILES.columns[name].dtype.type
    for name in (*STATE_KEY, "n", "successes", "mean", "variance", "min", "max", "distinct_actions")
}

Rewarded = Mapping[str, Sequence[tuple[float, str]]]
"""Each sample's reward and its action as text, by the trajectory_id of its state (the state is the last action)."""


def counts(metadata: Mapping[str, Any]) -> tuple[int, int] | Unrecorded:
    """(samples, passed) of a row's metadata, or why there are none."""
    rate, total, passed = (metadata.get(key) for key in ("pass_rate", "pass_rate_total", "pass_rate_passed"))
    if rate is None and passed is None:
        return Unrecorded.NO_PASS_RATE
    if total is None:
        return Unrecorded.NO_TOTAL
    numbers = [value for value in (rate, total, passed) if value is not None]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers):
        return Unrecorded.IMPOSSIBLE
    successes = passed if passed is not None else rate * total
    contradicts = rate is not None and abs(rate * total - successes) > _SLACK
    if contradicts or total < 1 or not 0 <= successes <= total:
        return Unrecorded.IMPOSSIBLE
    return round(total), round(successes)


def recorded_part(
    states: pl.DataFrame, trajectories: pl.DataFrame, config: ProfileConfig, rewarded: Rewarded
) -> tuple[pl.DataFrame, Counter[str]]:
    """One row per training state that has recorded rewards or a pass rate, and why the others have none."""
    metadata = {key: json.loads(text) for key, text in trajectories.select("trajectory_id", "metadata").iter_rows()}
    samples: list[dict[str, Any]] = []
    pass_rates: list[dict[str, Any]] = []
    reasons = Counter[str]()
    training = states.filter(excluded="", split=Split.TRAIN.value)
    for trajectory_id, turn_index in training.select("trajectory_id", "turn_index").iter_rows():
        key = {"trajectory_id": trajectory_id, "turn_index": turn_index}
        if group := rewarded.get(trajectory_id):
            if all(0 <= reward <= 1 for reward, _ in group):
                samples += [{**key, "reward": float(reward), "action": action} for reward, action in group]
            else:
                reasons[Unrecorded.IMPOSSIBLE_REWARD.value] += 1
            continue
        counted = counts(metadata[trajectory_id])
        if isinstance(counted, Unrecorded):
            reasons[counted.value] += 1
        else:
            pass_rates.append({**key, **_statistics_of_counts(*counted)})
    statistics = pl.DataFrame(pass_rates, schema=_STATISTICS)
    if samples:
        statistics = pl.concat([statistics, _statistics_of_samples(samples)])
    profiles = profiles_of(training, statistics.with_columns(parse_failures=pl.lit(0, pl.Int32)), config.confidence)
    return profiles, reasons


def _statistics_of_samples(samples: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    # Imported profiles have exact sums (`fmean`). Polars' sums, which our own scores get, differ from these in the last
    # bit, and the rows of a version never change.
    reward = pl.col("reward")
    return reward_statistics(
        pl.DataFrame(samples, schema=_SAMPLES),
        mean=reward.map_batches(_exact_mean, return_dtype=pl.Float64, returns_scalar=True),
        variance=reward.map_batches(_exact_variance, return_dtype=pl.Float64, returns_scalar=True),
    )


def _exact_mean(rewards: pl.Series) -> float:
    return fmean(rewards.to_list())


def _exact_variance(rewards: pl.Series) -> float:
    values = rewards.to_list()
    mean = fmean(values)
    return fmean((value - mean) ** 2 for value in values)


def _statistics_of_counts(n: int, passed: int) -> dict[str, Any]:
    """What a pass rate tells. What the samples were is not known, so they count as no distinct actions."""
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
    """Profile every part of the states, in order."""
    summary = {"profiled_by": "another policy: pass rates or rewards were recorded in the source"}
    for (index, states_part), (_, sources) in zip(store.parts(states), store.parts(trajectories), strict=True):
        if not writer.done(index):
            profiles, reasons = recorded_part(states_part, sources, config, rewarded)
            writer.write(index, {"profiles": profiles}, reasons=reasons, summary=summary)


def any_recorded(store: Store, trajectories: Ref) -> bool:
    """Whether any trajectory brings a pass rate or a rollout's reward along."""
    return any(_has_record(part) for _, part in store.parts(trajectories, columns=["metadata"]))


def _has_record(trajectories: pl.DataFrame) -> bool:
    metadata = map(json.loads, trajectories["metadata"])
    return any("response_reward" in row or not isinstance(counts(row), Unrecorded) for row in metadata)
