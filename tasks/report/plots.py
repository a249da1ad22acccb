"""The plots that several reports share, each a data URI that HTML and Prefect's Markdown show alike."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

_SIZE = (7.0, 3.6)
_SELECTED = ((False, "not selected", "tab:gray"), (True, "selected", "tab:blue"))


def data_uri(figure: Figure) -> str:
    """The figure as a PNG within a URI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def profile_map(profiles: pl.DataFrame, max_mean: float | None = None, selected: Sequence[bool] | None = None) -> str:
    """States by mean and variance of their rewards; the area of a dot is a count.

    Args:
        max_mean: shades the region of pivots: rewards that vary, and their mean below this.
        selected: whether each state was selected, in the order of `profiles`; colours the dots.
    """
    figure = Figure(figsize=_SIZE)
    axes = figure.subplots()
    if max_mean is not None:
        axes.axvspan(0, max_mean, ymin=0.06, color="tab:green", alpha=0.1, label=f"varies, mean below {max_mean:g}")
    all_selected = [True] * profiles.height
    is_selected = pl.Series("selected", all_selected if selected is None else selected, dtype=pl.Boolean)
    for value, label, colour in _SELECTED:
        dots = profiles.filter(is_selected == value).group_by("mean", "variance").len().sort("mean", "variance")
        area = 8 + 900 * dots["len"] / max(profiles.height, 1)
        axes.scatter(dots["mean"], dots["variance"], s=area, alpha=0.6, color=colour)
        if selected is not None:
            axes.scatter([], [], s=40, color=colour, label=label)  # for the legend: a dot of one size
    axes.set(xlabel="mean reward", ylabel="variance", title=f"{profiles.height:,} states")
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.015, 0.265))
    if max_mean is not None or selected is not None:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)
    return data_uri(figure)


def training_curve(metrics: pl.DataFrame) -> str:
    """Mean reward and share of groups without variance at each step, and the validations. For SFT, which has no
    rewards, the loss."""
    figure = Figure(figsize=_SIZE)
    axes = figure.subplots()
    has_rewards = metrics["reward_mean"].null_count() == 0
    labels = {"reward_mean": "mean reward", "zero_variance": "without variance"} if has_rewards else {"loss": "loss"}
    for column, label in labels.items():
        axes.plot(metrics["step"], metrics[column], label=label)
    validations = metrics.filter(pl.col("validation").is_not_null())
    if validations.height:
        axes.plot(validations["step"], validations["validation"], "o--", label="validation")
    axes.set(xlabel="step")
    axes.legend()
    return data_uri(figure)


def pass_rates(evaluation: Sequence[dict[str, Any]]) -> str:
    """Pass rates of base and candidate with standard errors, greedy actions only.

    Args:
        evaluation: as `tasks.report.run.evaluation_rows` gives it.
    """
    rows = [row for row in evaluation if row["temperature"] == 0.0]
    figure = Figure(figsize=(_SIZE[0], 1.2 + 0.35 * len(rows)))
    axes = figure.subplots()
    for offset, policy in ((-0.2, "base"), (0.2, "candidate")):
        places = [i + offset for i in range(len(rows))]
        errors = [row[f"{policy}_standard_error"] for row in rows]
        axes.barh(places, [row[policy] for row in rows], height=0.38, xerr=errors, label=policy)
    axes.set_yticks(range(len(rows)), [f"{row['suite']} {row['domain']} ({row['scope']})" for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="pass rate, greedy", xlim=(0, 1.02))
    axes.legend(loc="lower left")
    return data_uri(figure)
