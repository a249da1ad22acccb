"""Cutting a trajectory at every assistant action (PivotRL, step 1: extract), and which states are held out.

Neighbouring states share almost their whole text, so whole tasks are held out, never rows. A hash of the task's own
name decides which: new data moves no state to the other side. Only the name counts, because sources name a task alike
and its domain or harness not. Two tasks of one name are held out together, which does no harm.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from schemas.chat import ActionKind, Message, Role, as_action
from schemas.config import SplitConfig
from schemas.states import SPLIT_BY_OPENING, STATES, Exclusion, Split
from schemas.trajectories import opening
from tasks.artefact.table import frame
from tasks.states.hashing import hash_fraction


def split_of(group: str, validation_fraction: float) -> Split:
    """The side of a group, from nothing but its name."""
    return Split.VALIDATION if hash_fraction(group) < validation_fraction else Split.TRAIN


def exclusion(
    messages: Sequence[Message], index: int, config: SplitConfig, *, only_last: bool = False
) -> Exclusion | None:
    """Why the action at `index` takes no part; None if it does.

    Args:
        only_last: the record demonstrates its last action only; the earlier ones are context.
    """
    kind = as_action(messages[index]).kind
    last = not any(m["role"] == Role.ASSISTANT for m in messages[index + 1 :])
    if only_last and not last:
        return Exclusion.CONTEXT
    if kind is ActionKind.EMPTY and config.empty == "exclude":
        return Exclusion.EMPTY
    spoken = any(m["role"] in (Role.USER, Role.TOOL) for m in messages[:index])
    opens = not spoken and kind is ActionKind.MESSAGE and any(m["role"] == Role.USER for m in messages[index:])
    if opens and config.canned == "exclude":
        return Exclusion.CANNED
    if last and kind is ActionKind.MESSAGE and config.terminal == "exclude":
        return Exclusion.TERMINAL
    if config.reasoning == "require" and not messages[index]["reasoning"].strip():
        return Exclusion.NO_REASONING
    return None


def group_of(trajectory: Mapping[str, Any], by: Literal["task", "trajectory"]) -> str:
    """The name of what is never divided: the attempts at a task, or the turns of a trajectory."""
    # Where no task is named, the opening stands for it. It also stands for the trajectory of NeMo Gym pivot rows, since
    # there each turn is a row, and so a trajectory, of its own.
    if by == "task":
        return trajectory["task_id"] or opening(trajectory["messages"])
    return opening(trajectory["messages"]) if _only_last(trajectory) else trajectory["trajectory_id"]


def _only_last(trajectory: Mapping[str, Any]) -> bool:
    return bool(json.loads(trajectory["metadata"]).get("only_last_action"))


def states_of(trajectory: Mapping[str, Any], config: SplitConfig) -> list[dict[str, Any]]:
    """One row per assistant action, in order. Excluded ones are marked and keep their turn index."""
    messages: list[Message] = trajectory["messages"]
    split = split_of(group_of(trajectory, config.by), config.validation_fraction)
    only_last = _only_last(trajectory)
    turns = [index for index, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
    rows = []
    for turn_index, index in enumerate(turns):
        action = as_action(messages[index])
        rows.append(
            {
                "trajectory_id": trajectory["trajectory_id"],
                "turn_index": turn_index,
                "message_index": index,
                "kind": action.kind.value,
                "tool": "+".join(call["name"] for call in action.tool_calls),
                "domain": trajectory["domain"],
                "split": split.value,
                "excluded": exclusion(messages, index, config, only_last=only_last) or "",
                "content": action.content,
                "reasoning": "" if config.reasoning == "drop" else action.reasoning,
                "tool_calls": list(action.tool_calls),
            }
        )
    return rows


def split_part(trajectories: pl.DataFrame, config: SplitConfig) -> tuple[pl.DataFrame, Counter[str]]:
    """(the states of one part of trajectories, counts of the excluded ones by reason).

    Among the reasons, SPLIT_BY_OPENING counts the states that take part and whose trajectory names no task.
    """
    rows: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    for trajectory in trajectories.iter_rows(named=True):
        states = states_of(trajectory, config)
        excluded = Counter(row["excluded"] for row in states)
        taking_part = excluded.pop("", 0)
        reasons += excluded
        if config.by == "task" and not trajectory["task_id"]:
            reasons[SPLIT_BY_OPENING] += taking_part
        rows += states
    return frame(STATES, rows), reasons
