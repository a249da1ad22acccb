import gc
import json
import tracemalloc
from typing import Any

import pytest

from schemas.config import SplitConfig
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.states import reader as reader_module
from tasks.states.reader import StateReader
from tasks.store.store import Store
from tests.builders import (
    TRAJECTORIES_STAGE,
    NoSettings,
    commit_states,
    commit_trajectories,
    episode,
    trajectory,
)

PROPERTIES = {f"argument_{i}": {"type": "string", "description": f"what it is, {i}"} for i in range(40)}


def toolset(number: int) -> list[dict[str, Any]]:
    parameters = {"type": "object", "properties": PROPERTIES, "required": ["argument_0"]}
    return [{"type": "function", "function": {"name": f"tool_{number}", "parameters": parameters}}]


def name(number: int) -> str:
    return f"{number:016x}"


def committed(store: Store, *parts: list[int]) -> tuple[Artefact, Artefact]:
    """States and trajectories, one for each number, which is its tool set; -1 has none. Each is stored where it comes
    first."""
    known: set[int] = {-1}

    def produce(writer: Any) -> None:
        for index, numbers in enumerate(parts):
            new = sorted(set(numbers) - known)
            known.update(new)
            rows = [
                trajectory(index * 10_000 + i, episode(2), toolset_id="" if number < 0 else name(number))
                for i, number in enumerate(numbers)
            ]
            toolsets = [{"toolset_id": name(number), "tools": json.dumps(toolset(number))} for number in new]
            writer.write(index, {"trajectories": frame(TRAJECTORIES, rows), "toolsets": frame(TOOLSETS, toolsets)})

    trajectories = obtain(TRAJECTORIES_STAGE, NoSettings(), {"parts": repr(parts)}, store, produce)
    return commit_states(store, trajectories), trajectories


def reader_of(store: Store, *parts: list[int]) -> StateReader:
    states, trajectories = committed(store, *parts)
    return StateReader(store, states.ref, trajectories.ref)


def test_each_state_has_the_tools_of_its_trajectory(store: Store) -> None:
    tools = [s.state.tools for s in reader_of(store, [0, 1], [1, -1, 2, 0]).all()]
    assert tools == [tuple(toolset(n)) if n >= 0 else () for n in (0, 1, 1, -1, 2, 0) for _ in range(2)]


def test_equal_tool_sets_are_one_object_also_where_few_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({id(s.state.tools) for s in reader_of(store, [0, 1], [1, 0]).all()}) == 2
    monkeypatch.setattr(reader_module, "_PARSED_TOOLSETS", 1)
    part = reader_of(store, [0, 1, 2, 0, 1, 2]).part(0)
    assert len({id(s.state.tools) for s in part}) == 3


def test_dropped_reasoning_is_neither_in_the_history_nor_in_the_demonstration(store: Store) -> None:
    messages = [{**m, "reasoning": "Hm."} if m["role"] == "assistant" else m for m in episode(3)]
    trajectories = commit_trajectories(store, [[trajectory(0, messages)]])
    examples = {}
    for setting in ("keep", "drop"):
        config = SplitConfig(validation_fraction=0, reasoning=setting)
        states = commit_states(store, trajectories, config)
        examples[setting] = StateReader(store, states.ref, trajectories.ref).part(0)
    assert [e.demonstration.reasoning for e in examples["keep"]] == ["Hm."] * 3
    assert [e.state.messages for e in examples["keep"]] == [tuple(messages[:cut]) for cut in (2, 4, 6)]
    assert [e.demonstration.reasoning for e in examples["drop"]] == [""] * 3
    assert [e.state.messages for e in examples["drop"]] == [tuple(episode(3)[:cut]) for cut in (2, 4, 6)]


@pytest.mark.slow
def test_tool_sets_that_no_state_in_hand_has_take_little_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_PARSED_TOOLSETS", 4)
    states, trajectories = committed(store, *([i * 100 + j for j in range(100)] for i in range(4)))
    objects = _taken(lambda: [toolset_ for n in range(400) for toolset_ in json.loads(json.dumps(toolset(n)))])

    def read_all() -> StateReader:
        reader = StateReader(store, states.ref, trajectories.ref)
        assert sum(1 for _ in reader.all()) == 800
        return reader

    assert _taken(read_all) < objects / 4


def _taken(make: Any) -> int:
    """Bytes that what `make` gives takes."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept
    return taken
