"""Rollouts with given texts, the checks of their states, and their scores."""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
from pydantic import BaseModel

from schemas.chat import Message, Role, message
from schemas.config import ProfileConfig
from schemas.rollouts import ROLLOUTS
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.stages.check.checking import write_checks
from tasks.stages.check.stage import STAGE as CHECKS_STAGE
from tasks.stages.profile.stage import STAGE as PROFILES_STAGE
from tasks.stages.profile.stage import write_profiles
from tasks.stages.rollout.stage import STAGE as ROLLOUTS_STAGE
from tasks.stages.score.stage import STAGE, write_scores
from tasks.states.example import Example
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig
from tests.builders import NoSettings, commit_states, commit_trajectories, episode, trajectory

RIGHT = '<tool_call>\n{"name": "get_order", "arguments": {"order_id": 17}}\n</tool_call>'
WRONG = RIGHT.replace("17", "18")


def rollouts_of(states: list[Example], *texts: str, finished: bool = True) -> pl.DataFrame:
    """Rollouts with these texts at each state."""
    return frame(
        ROLLOUTS,
        [
            {
                "trajectory_id": state.key[0],
                "turn_index": state.key[1],
                "sample_index": index,
                "prompt_tokens": 1,
                "token_ids": [1],
                "logprobs": [0.0],
                "text": text,
                "finished": finished,
            }
            for state in states
            for index, text in enumerate(texts)
        ],
    )


def asked(number: int, turns: int) -> list[Message]:
    """An episode with a question of its own."""
    return [message(Role.USER, f"Where is order 17? (customer {number})"), *episode(turns)[2:]]


@cache
def chat(parser: str) -> ChatFormat:
    return ChatFormat(DESK, parser)


class Run:
    """Trajectories of two parts, their states, and rollouts with the given texts; `score` scores them. A part has five
    states: three calls and two messages. The policy is the built-in one. `settings` are those of the rollouts, none of
    which is finished where a length limit is to have cut them off."""

    def __init__(
        self, store: Store, *texts: str, parts: int = 2, finished: bool = True, settings: BaseModel | None = None
    ) -> None:
        self.store, self.sampled = store, 0
        rows = [
            [trajectory(2 * part, asked(2 * part, 2)), trajectory(2 * part + 1, asked(2 * part + 1, 3))]
            for part in range(parts)
        ]
        self.trajectories = commit_trajectories(store, rows)
        self.states = commit_states(store, self.trajectories)
        reader = StateReader(store, self.states.ref, self.trajectories.ref)

        def produce(writer: Any) -> None:
            for index in range(parts):
                sampled = rollouts_of(reader.part(index), *texts, finished=finished)
                self.sampled += sampled.height
                writer.write(index, {"rollouts": sampled})

        inputs = {"t": f"{texts} {self.states.ref}"}
        self.rollouts = obtain(ROLLOUTS_STAGE, settings or NoSettings(), inputs, store, produce)

    @property
    def data(self) -> tuple[Ref, Ref]:
        return self.states.ref, self.trajectories.ref

    def check(self, config: ScoreConfig) -> Artefact:
        def produce(writer: Writer) -> None:
            write_checks(writer, self.store, *self.data, config, chat(config.parser))

        return obtain(CHECKS_STAGE, config, {"states": str(self.states.ref)}, self.store, produce)

    def write(self, writer: Writer, config: ScoreConfig) -> None:
        write_scores(writer, self.store, self.rollouts.ref, self.check(config).ref, *self.data, config)

    def score(self, config: ScoreConfig) -> Artefact:
        return obtain(STAGE, config, self.inputs(config), self.store, lambda writer: self.write(writer, config))

    def inputs(self, config: ScoreConfig) -> dict[str, str]:
        return {"rollouts": str(self.rollouts.ref), "checks": str(self.check(config).ref)}

    def profile(self, scores: Artefact) -> Artefact:
        args = (self.store, scores.ref, self.states.ref, ProfileConfig())
        inputs = {"scores": str(scores.ref)}
        return obtain(PROFILES_STAGE, NoSettings(), inputs, self.store, lambda writer: write_profiles(writer, *args))

    def summary(self, artefact: Artefact) -> dict[str, Any]:
        check: dict[str, Any] = self.store.manifest(artefact.ref).summary["self_check"]
        return check
