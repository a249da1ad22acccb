"""What an earlier artefact has of a rollout is copied. (A killed run that goes on is in test_sampling.py.)"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.config import RolloutConfig
from schemas.section import Engine
from tasks.artefact.fingerprint import canonical
from tasks.artefact.stage import obtain
from tasks.artefact.writer import Writer
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.stages.rollout import segments
from tasks.stages.rollout.resume import RolloutArchive
from tasks.stages.rollout.sampling import PartSampler
from tasks.stages.rollout.stage import STAGE
from tasks.states.reader import StateReader
from tasks.store.manifest import Part, Ref
from tasks.store.store import Store
from tests.builders import ScriptedSampler, commit_states, commit_trajectories, episode, trajectory

CONFIG = RolloutConfig(samples=2, max_tokens=16)


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(DESK)


class Rollouts:
    """Rollouts of some trajectories, made as the stage makes them but for its sampler, whose every call says something
    else, so that what was copied shows."""

    def __init__(self, store: Store, chat: ChatFormat) -> None:
        self.store, self.chat, self.states = store, chat, 0
        self.sampler = ScriptedSampler(chat.tokenizer, lambda _, i: f"call {len(self.sampler.asked)}, sample {i}")

    def engine(self) -> ScriptedSampler:
        return self.sampler

    def __call__(self, *parts: Sequence[int], seed: int = 0, policy: str = "p", **changes: Any) -> dict[str, list[str]]:
        """The samples of each trajectory, given by number; `states` is how many states were sampled for them."""
        config = CONFIG.model_copy(update=changes)
        trajectories = commit_trajectories(self.store, [[trajectory(n, episode(3)) for n in part] for part in parts])
        states = commit_states(self.store, trajectories)
        inputs = {"states": str(states.ref), "policy": policy, "seed": str(seed)}
        reader = StateReader(self.store, states.ref, trajectories.ref)
        self.states = 0

        def produce(writer: Writer) -> None:
            archive = RolloutArchive(self.store, STAGE.version, canonical(config), inputs)
            sample = PartSampler(reader, writer, archive, self.chat, self.engine, config, seed)
            for index in reader.part_indices():
                self.states += sample(index).sampled

        rows = self.store.read(obtain(STAGE, config, inputs, self.store, produce).ref)
        return {str(int(name[0], 16)): part["text"].to_list() for name, part in rows.group_by(["trajectory_id"])}


@pytest.fixture
def sampled(store: Store, chat: ChatFormat, monkeypatch: pytest.MonkeyPatch) -> Rollouts:
    monkeypatch.setattr(segments, "SEGMENT_STATES", 1)  # every trajectory is a segment
    return Rollouts(store, chat)


def test_what_was_sampled_before_is_copied_wherever_it_stands_now(sampled: Rollouts) -> None:
    before = sampled([1, 2], [3])
    assert sampled.states == 9
    after = sampled([0, 1], [2, 3], [4])
    assert sampled.states == 6
    assert {name: after[name] for name in before} == before
    assert len({*after["0"], *after["4"]} & {text for texts in before.values() for text in texts}) == 0


def test_nothing_new_needs_no_engine(sampled: Rollouts) -> None:
    before = sampled([1, 2], [3])
    sampled.sampler = None  # type: ignore[assignment]
    after = sampled([1], [3])
    assert after == {name: before[name] for name in ("1", "3")}


def test_of_several_the_newest_is_copied(sampled: Rollouts) -> None:
    sampled([1])
    newest = sampled([1, 2])
    assert sampled([1, 2, 3]).items() >= newest.items()
    assert sampled.states == 3


@pytest.mark.parametrize("change", [{"seed": 1}, {"policy": "q"}, {"samples": 3}, {"temperature": 0.5}])
def test_rollouts_of_another_kind_are_not_copied(sampled: Rollouts, change: dict[str, Any]) -> None:
    sampled([1, 2])
    sampled([1, 2, 3], **change)
    assert sampled.states == 9


def test_settings_that_change_no_row_do_not_stand_in_the_way(sampled: Rollouts) -> None:
    sampled([1, 2])
    sampled([1, 2, 3], engine=Engine(timeout_s=7))
    assert sampled.states == 3


def test_a_damaged_artefact_is_no_hindrance(sampled: Rollouts, store: Store) -> None:
    before = sampled([1], [2])
    first = next(store.artefacts("rollouts")).table("rollouts")[0]
    (damaged,) = Path(store.root).rglob(first.key)
    damaged.write_bytes(b"")
    after = sampled([1], [2], [3])
    assert sampled.states == 6 and after["2"] == before["2"]


def test_a_part_is_not_read_for_every_segment(sampled: Rollouts, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled([1, 2, 3], [4, 5, 6])
    earlier = next(store.artefacts("rollouts")).ref
    reads: list[Ref] = []
    read_part = Store.read_part

    def counting(store: Store, ref: Ref, part: Part, **how: Any) -> pl.DataFrame:
        reads.append(ref)
        return read_part(store, ref, part, **how)

    monkeypatch.setattr(Store, "read_part", counting)
    sampled([1, 2, 3], [4, 5, 6, 7])
    assert sampled.states == 3
    assert reads.count(earlier) == 4, "each of two parts once to find its segments and once to copy them"
