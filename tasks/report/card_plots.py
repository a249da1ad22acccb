"""The plots of each stage's card, drawn from its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from schemas.checks import CheckReason
from schemas.evaluations import Scope
from tasks.report.plots import data_uri, profile_map, training_curve
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_PANELS, _WIDTH = (7.0, 2.8), 7.0
_MOST_GROUPS, _MOST_REASONS = 6, 12
_LONGEST_LABEL = 28
_DEPTHS = (0, 1, 2, 4, 8, 16, 32)
"""The first turn of each group of turns."""
_TENTHS = [tenth / 10 - 0.05 for tenth in range(12)]
"""Bins with their middles at 0, 0.1, ... 1. Most means are 0 or 1, and bins that end there would halve their bars."""
_SCOPES = {Scope.IN_DOMAIN.value: ("in domain", "tab:blue"), Scope.OOD.value: ("OOD", "tab:orange")}

Plots = dict[str, str]
"""A sentence that says what the plot shows (its alternative text), to its data URI."""


def plots(store: Store, manifest: Manifest) -> Plots:
    """The plots of an artefact; none for a stage that has nothing to plot, or no rows."""
    draw = _BY_STAGE.get(manifest.stage)
    return draw(store, manifest) if draw and manifest.rows else {}


def _trajectories(store: Store, manifest: Manifest) -> Plots:
    frames = [
        part.select(actions=pl.col("messages").list.eval(pl.element().struct["role"] == "assistant").list.sum())
        for _, part in store.parts(manifest.ref, columns=["messages"])
    ]
    return {"trajectories by their number of actions": _histogram(pl.concat(frames)["actions"], "actions", "episodes")}


def _states(store: Store, manifest: Manifest) -> Plots:
    states = store.read(manifest.ref, columns=["turn_index", "split"])
    figure = Figure(figsize=_PANELS)
    axes = figure.subplots()
    last = int(states["turn_index"].max() or 0)  # type: ignore[arg-type]
    width = 1 + last // 40
    bins = [first - 0.5 for first in range(0, last + width + 1, width)]
    _stacked(axes, states["turn_index"], states["split"], bins)
    axes.set(xlabel="turn", ylabel="states")
    return {"states by turn, held-out ones apart": data_uri(figure)}


def _checks(store: Store, manifest: Manifest) -> Plots:
    counts = store.read(manifest.ref, columns=["reason"])["reason"].value_counts(sort=True)
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.3 * counts.height))
    axes = figure.subplots()
    colours = ["tab:green" if reason == CheckReason.RETURNED else "tab:gray" for reason in counts["reason"]]
    axes.barh(range(counts.height), counts["count"], color=colours)
    axes.set_yticks(range(counts.height), counts["reason"].to_list())
    axes.invert_yaxis()
    axes.set(xlabel="demonstrations")
    return {"demonstrations by what became of them": data_uri(figure)}


def _rollouts(store: Store, manifest: Manifest) -> Plots:
    frames = [
        part.select(tokens=pl.col("token_ids").list.len())
        for _, part in store.parts(manifest.ref, columns=["token_ids"])
    ]
    return {"samples by their number of tokens": _histogram(pl.concat(frames)["tokens"], "tokens", "samples")}


def _scores(store: Store, manifest: Manifest) -> Plots:
    scores = store.read(manifest.ref, columns=["reason", "reward"])
    by_reason = scores.group_by("reason").agg(n=pl.len(), reward=pl.col("reward").mean())
    largest = by_reason.sort("n", "reason", descending=[True, False]).head(_MOST_REASONS)
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.3 * largest.height))
    axes = figure.subplots()
    colours = ["tab:green" if (reward or 0) > 0.5 else "tab:gray" for reward in largest["reward"]]
    axes.barh(range(largest.height), largest["n"], color=colours)
    rewards = ["no reward" if reward is None else f"reward {reward:.2g}" for reward in largest["reward"]]
    labels = [f"{_plain(reason)} ({reward})" for reason, reward in zip(largest["reason"], rewards, strict=True)]
    axes.set_yticks(range(largest.height), labels)
    axes.invert_yaxis()
    axes.set(xlabel="samples")
    return {"samples by the verifier's reason, with their mean reward": data_uri(figure)}


def _profiles(store: Store, manifest: Manifest) -> Plots:
    profiles = store.read(manifest.ref)
    return {
        "mean and variance of each state's rewards": profile_map(profiles),
        "states by mean reward, by domain and by depth": _pass_rates(profiles),
    }


def _pivots(store: Store, manifest: Manifest) -> Plots:
    pivots, unselected = store.read(manifest.ref), store.read(manifest.ref, "unselected").drop("reason")
    profiles = pl.concat([pivots.select(unselected.columns), unselected])
    selected = [True] * pivots.height + [False] * unselected.height
    # States that were drawn at random have no region.
    max_mean = manifest.config["max_mean"] if manifest.config.get("mode") == "pivots" else None
    return {
        "mean and variance of each state's rewards, the selected region shaded": profile_map(
            profiles, max_mean, selected
        ),
        "pivots by mean reward, by domain and by depth": _pass_rates(pivots if pivots.height else profiles),
    }


def _policies(store: Store, manifest: Manifest) -> Plots:
    return {"reward or loss at each training step": training_curve(store.read(manifest.ref))}


def _evaluations(store: Store, manifest: Manifest) -> Plots:
    """In domain against OOD; sampled actions are paler than greedy ones."""
    rows = store.read(manifest.ref).sort("scope", "suite", "domain", "temperature").to_dicts()
    figure = Figure(figsize=(_WIDTH, 1.0 + 0.24 * len(rows)))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        alpha = 0.9 if row["temperature"] == 0 else 0.45
        axes.barh(place, row["value"], xerr=row["standard_error"], color=_SCOPES[row["scope"]][1], alpha=alpha)
    labels = [f"{row['suite']} {_plain(row['domain'])}, T={row['temperature']:g}" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    patches = [Patch(color=colour, label=label) for label, colour in _SCOPES.values()]
    axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    axes.invert_yaxis()
    axes.set(xlabel="pass rate", xlim=(0, 1.02))
    return {"pass rates in domain and out of it, with standard errors": data_uri(figure)}


_BY_STAGE: Mapping[str, Callable[[Store, Manifest], Plots]] = {
    "trajectories": _trajectories,
    "states": _states,
    "checks": _checks,
    "rollouts": _rollouts,
    "scores": _scores,
    "profiles": _profiles,
    "pivots": _pivots,
    "policies": _policies,
    "evaluations": _evaluations,
}


def _pass_rates(profiles: pl.DataFrame) -> str:
    figure = Figure(figsize=_PANELS, layout="constrained")
    by_domain, by_depth = figure.subplots(1, 2, sharey=True)
    _stacked(by_domain, profiles["mean"], profiles["domain"], _TENTHS)
    _stacked(by_depth, profiles["mean"], _depth(profiles["turn_index"]), _TENTHS)
    by_domain.set(xlabel="mean reward", ylabel="states")
    by_depth.set(xlabel="mean reward")
    return data_uri(figure)


def _histogram(values: pl.Series, what: str, of: str) -> str:
    figure = Figure(figsize=_PANELS)
    axes = figure.subplots()
    axes.hist(values, bins=40)
    axes.set(xlabel=what, ylabel=of)
    return data_uri(figure)


def _stacked(axes: Axes, values: pl.Series, groups: pl.Series, bins: Sequence[float]) -> None:
    """A histogram whose bars are stacked by group; the smallest groups are one, "others"."""
    sizes = groups.value_counts(sort=True)
    largest = sizes[groups.name].head(_MOST_GROUPS).to_list()
    names = groups if sizes.height <= _MOST_GROUPS else groups.replace_strict(largest, largest, default="others")
    labels = names.unique(maintain_order=True).sort().to_list()
    series = [values.filter(names == label).to_numpy() for label in labels]
    axes.hist(series, bins=bins, stacked=True, label=[_plain(label) or "(none)" for label in labels])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small", frameon=False)


def _depth(turns: pl.Series) -> pl.Series:
    """The name of each turn's group of turns; sorted as text, the names are in the order of the groups."""
    ends = [*(following - 1 for following in _DEPTHS[1:]), None]
    names = turns.cast(pl.String)
    for first, last in zip(_DEPTHS, ends, strict=True):
        name = f"turn {first:2d}" + ("" if last == first else " and more" if last is None else f" to {last}")
        within = (turns >= first) & (turns <= (last if last is not None else turns.max()))
        names = names.set(within, name)
    return names


def _plain(text: str) -> str:
    """A label that is shown as it is, cut."""
    # matplotlib reads what is between dollar signs as a formula, and leaves a label with a leading underscore out.
    short = text if len(text) <= _LONGEST_LABEL else f"{text[:_LONGEST_LABEL]}..."
    return short.replace("$", r"\$").lstrip("_")
