"""Parts of states, and how the reader joins them with their trajectories."""

from collections import Counter

import polars as pl
import pytest

from schemas.chat import Role, message
from schemas.config import SplitConfig
from schemas.states import Exclusion, Split
from tasks.artefact.stage import obtain
from tasks.artefact.writer import Writer
from tasks.stages.split import stage
from tasks.stages.split.cut import split_part
from tasks.stages.split.stage import STAGE, inputs, write_states
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import TOOLS, commit_states, commit_trajectories, episode, trajectory

GREETED = [
    message(Role.ASSISTANT, "Hi! How can I help?"),
    message(Role.USER, "Where is it?"),
    message(Role.ASSISTANT, "It has shipped."),
]


def test_the_inputs_name_the_trajectories() -> None:
    assert inputs(Ref(stage="trajectories", version="00aa")) == {"trajectories": "trajectories@00aa"}


def test_a_part_that_is_staged_is_not_cut_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0)], [trajectory(1), trajectory(2)]])
    heights: list[int] = []

    def counted(part: pl.DataFrame, config: SplitConfig) -> tuple[pl.DataFrame, Counter[str]]:
        heights.append(part.height)
        return split_part(part, config)

    def produce(writer: Writer) -> None:
        for _ in range(2):
            write_states(writer, store, trajectories.ref, SplitConfig())

    monkeypatch.setattr(stage, "split_part", counted)
    states = obtain(STAGE, SplitConfig(), inputs(trajectories.ref), store, produce)
    assert (states.rows, heights) == (6, [1, 2])


def test_parts_of_states_belong_to_parts_of_trajectories(store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0), trajectory(1)], [], [trajectory(2, GREETED)]])
    states = commit_states(store, trajectories)
    assert [frame.height for _, frame in store.parts(states.ref)] == [4, 0, 2]
    assert states.reasons == {Exclusion.CANNED: 1}


def test_the_reader_joins_states_with_their_history(store: Store) -> None:
    trajectories = commit_trajectories(
        store, [[trajectory(0, episode(3)), trajectory(1, toolset_id="")], [trajectory(2, GREETED)]]
    )
    states = commit_states(store, trajectories)
    reader = StateReader(store, states.ref, trajectories.ref)
    assert reader.part_indices() == [0, 1]
    first = reader.part(0)
    assert [(int(s.key[0]), s.key[1]) for s in first] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert list(first[1].state.messages) == episode(3)[:4]
    assert list(first[1].demonstration.tool_calls) == episode(3)[4]["tool_calls"]
    assert list(first[0].state.tools) == TOOLS
    assert first[3].state.tools == ()
    assert (first[0].state.task_id, first[0].state.domain) == ("0", "desk")
    assert [s.key for s in reader.part(1)] == [(f"{2:016x}", 1)], "the excluded opening takes no part"
    assert [s.key for s in reader.all(keep={(f"{0:016x}", 2), (f"{2:016x}", 0)})] == [(f"{0:016x}", 2)]
    assert list(reader.all(split=Split.VALIDATION)) == []
    assert len(list(reader.all(split=Split.TRAIN))) == 6
