"""Cut every trajectory at every assistant action (PivotRL, step 1: extract).

Neighbouring states share almost their whole text, so whole tasks are held out, never rows. Which ones is decided by a
hash of the task's own name: adding data moves no state to the other side. Sources name a task alike and its domain or
harness not, so the name alone counts; two tasks of one name are held out together, which does no harm.
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
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.states.hashing import hash_fraction
from tasks.store.manifest import Ref
from tasks.store.store import Store

STAGE = Stage("states", version=2, tables={"states": STATES})


def assigned(group: str, validation_fraction: float) -> Split:
    """The split of a group, from nothing but its name."""
    return Split.VALIDATION if hash_fraction(group) < validation_fraction else Split.TRAIN


def exclusion(
    messages: Sequence[Message], index: int, config: SplitConfig, *, only_last: bool = False
) -> Exclusion | None:
    """Why the action at `index` takes no part, if so.

    Args:
        only_last: the record demonstrates its last action; the earlier ones are context.
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
    return None


def group_of(trajectory: Mapping[str, Any], by: Literal["task", "trajectory"]) -> str:
    """The name of what is never divided: a task, or by trajectory the turns of one.

    A task without a name goes by how its conversations open. So does the trajectory of a NeMo Gym pivot row, where each
    turn is a row with an id of its own.
    """
    if by == "task":
        return trajectory["task_id"] or opening(trajectory["messages"])
    return opening(trajectory["messages"]) if _only_last(trajectory) else trajectory["trajectory_id"]


def _only_last(trajectory: Mapping[str, Any]) -> bool:
    return bool(json.loads(trajectory["metadata"]).get("only_last_action"))


def states_of(trajectory: Mapping[str, Any], config: SplitConfig) -> list[dict[str, Any]]:
    """One row an assistant action, in order; excluded ones are marked and keep their turn index."""
    messages: list[Message] = trajectory["messages"]
    split = assigned(group_of(trajectory, config.by), config.validation_fraction)
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
                "reasoning": action.reasoning,
                "tool_calls": list(action.tool_calls),
            }
        )
    return rows


def split_part(trajectories: pl.DataFrame, config: SplitConfig) -> tuple[pl.DataFrame, Counter[str]]:
    """The states of one part of trajectories, how many were excluded for which reason, and beside the reasons how many
    of the others go by their opening for want of a task."""
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


def write_states(writer: Writer, store: Store, trajectories: Ref, config: SplitConfig) -> None:
    """Every part of the trajectories, in order."""
    for index, part in store.parts(trajectories):
        if not writer.done(index):
            states, reasons = split_part(part, config)
            writer.write(index, {"states": states}, reasons=reasons)
