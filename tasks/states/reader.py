"""States with their history: rows of `states` joined with the trajectories that they refer to."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import polars as pl

from schemas.chat import Action, State, ToolSchema
from schemas.columns import STATE_KEY
from tasks.states.example import Example, StateKey
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

_PARSED_TOOLSETS = 1024
"""Tool sets that are kept as objects. One takes 3 to 33 kB, ten to sixteen times its compressed text. Where every
episode has a tool set of its own, all of them would take gigabytes in each process."""


class StateReader:
    """Reads a states artefact part by part; histories come from the same part of the trajectories.

    Tool sets are held as compressed text. States that have the same tool set share one object, across parts too as
    long as it is among the last `_PARSED_TOOLSETS`.
    """

    def __init__(self, store: Store, states: Ref, trajectories: Ref) -> None:
        self._store, self._states, self._trajectories = store, states, trajectories
        manifest = store.manifest(states)
        self._reasoning_dropped = reasoning_dropped(manifest)
        self._state_parts = {part.index: part for part in manifest.table("states")}
        self._trajectory_parts = {part.index: part for part in store.manifest(trajectories).table("trajectories")}
        self._toolsets = {"": zlib.compress(b"[]")}
        for _, toolsets in store.parts(trajectories, "toolsets"):
            self._toolsets.update((name, zlib.compress(text.encode(), level=1)) for name, text in toolsets.iter_rows())
        self._tools = lru_cache(maxsize=_PARSED_TOOLSETS)(self._parsed)

    def part_indices(self) -> list[int]:
        """The index of every part."""
        return list(self._state_parts)

    def part(self, index: int, *, split: str | None = None, keep: set[StateKey] | None = None) -> list[Example]:
        """The states of one part in trajectory order, without the excluded ones.

        Args:
            split: only this split's states.
            keep: only the states with these keys.
        """
        states = self._store.read_part(self._states, self._state_parts[index]).filter(pl.col("excluded") == "")
        if split is not None:
            states = states.filter(pl.col("split") == split)
        if keep is not None:
            mask = [key in keep for key in states.select(STATE_KEY).iter_rows()]
            states = states.filter(pl.Series(mask, dtype=pl.Boolean))
        trajectories = self._store.read_part(self._trajectories, self._trajectory_parts[index])
        trajectories = trajectories.filter(pl.col("trajectory_id").is_in(states["trajectory_id"].unique().implode()))
        rows = trajectories.iter_rows(named=True)
        by_id = {row["trajectory_id"]: without_reasoning(row) if self._reasoning_dropped else row for row in rows}
        tools = {toolset_id: self._tools(toolset_id) for toolset_id in trajectories["toolset_id"].unique()}
        pairs = ((row, by_id[row["trajectory_id"]]) for row in states.iter_rows(named=True))
        return [_joined(row, trajectory, tools[trajectory["toolset_id"]]) for row, trajectory in pairs]

    def all(self, *, split: str | None = None, keep: set[StateKey] | None = None) -> Iterator[Example]:
        """The states of every part as `part` gives them, one part in memory at a time."""
        for index in self.part_indices():
            yield from self.part(index, split=split, keep=keep)

    def _parsed(self, toolset_id: str) -> tuple[ToolSchema, ...]:
        return tuple(json.loads(zlib.decompress(self._toolsets[toolset_id])))


def reasoning_dropped(states: Manifest) -> bool:
    """Whether these states have histories without reasoning."""
    return bool(states.config.get("reasoning") == "drop")


def without_reasoning(trajectory: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `trajectories` as it is but for the reasoning in its messages."""
    return {**trajectory, "messages": [{**message, "reasoning": ""} for message in trajectory["messages"]]}


def _joined(row: Mapping[str, Any], trajectory: Mapping[str, Any], tools: tuple[ToolSchema, ...]) -> Example:
    state = State(
        trajectory_id=row["trajectory_id"],
        turn_index=row["turn_index"],
        messages=tuple(trajectory["messages"][: row["message_index"]]),
        tools=tools,
        domain=row["domain"],
        task_id=trajectory["task_id"],
        world=trajectory["world"],
    )
    demonstration = Action(row["content"], row["reasoning"], tuple(row["tool_calls"]))
    return Example(state, demonstration, row["split"])
