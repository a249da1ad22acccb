"""Parts of the states as units of work: whoever samples one, its rows are the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from schemas.states import Split
from tasks.artefact.fingerprint import canonical
from tasks.artefact.writer import Writer
from tasks.policy.chat import ChatFormat
from tasks.sampler.build import start
from tasks.sampler.sampler import Sampler
from tasks.stages.rollout.sampling import prompted, sample_part
from tasks.stages.rollout.segments import Earlier
from tasks.stages.rollout.stage import STAGE, RolloutSpec, inputs
from tasks.states.reader import StateReader
from tasks.store.store import Store


@dataclass(frozen=True, slots=True)
class Finished:
    """A part that was written: states that were sampled for it, and states whose rows an earlier run had."""

    sampled: int
    known: int


class PartSampler:
    """Samples parts, one at a time, with an engine that is started when it is first needed.

    Args:
        folder: the policy's.
    """

    def __init__(self, spec: RolloutSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        store = Store(spec.store)
        self._reader = StateReader(store, spec.states, spec.trajectories)
        self._writer = Writer(store, spec.target, STAGE.tables)
        self._earlier = Earlier(
            store, STAGE.version, canonical(spec.config), inputs(spec.states, spec.policy, spec.seed)
        )
        self._chat = ChatFormat(folder)

    def __call__(self, index: int) -> Finished:
        """Sample what a part still lacks, and write it."""
        spec = self._spec
        states, counted = prompted(self._chat, self._reader.part(index, split=Split.TRAIN), spec.config)
        sampled = sample_part(
            self._writer,
            index,
            states,
            counted,
            spec.config,
            spec.seed,
            lambda: self._engine,
            self._chat,
            self._earlier,
        )
        return Finished(sampled, len(states) - sampled)

    @cached_property
    def _engine(self) -> Sampler:
        return start(self._folder, self._spec.config.engine, self._spec.seed)
