"""What `score` spends its time on: reading a completion and deciding about it, against everything else (states,
controls, checks, files), over 200 demonstrations of the desk with 8 samples per state, half of them right.

    python -m tests.bench.bench_score_share
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from schemas.chat import Action
from schemas.config import IngestConfig
from schemas.rollouts import ROLLOUTS
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.parsing import Parser
from tasks.policy.parsing.completion import Format
from tasks.stages.check.checking import write_checks
from tasks.stages.check.stage import STAGE as CHECKS_STAGE
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.stages.rollout.stage import STAGE as ROLLOUTS_STAGE
from tasks.stages.score import stage as scoring
from tasks.states.reader import StateReader
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig
from tests.builders import TRAJECTORIES_STAGE, NoSettings, commit_states

ROUNDS, PART = 5, 64


def written(action: Action) -> str:
    """The action as a Hermes policy writes it, and a space: what is the demonstration's own text is not verified."""
    calls = (
        f'<tool_call>\n{{"name": "{call["name"]}", "arguments": {call["arguments"]}}}\n</tool_call>'
        for call in action.tool_calls
    )
    return action.content + "\n".join(calls) + " "


def trajectories(store: Store) -> Artefact:
    episodes = [t for t in ingest(IngestConfig(source="world://desk?episodes=200&seed=0")) if isinstance(t, Trajectory)]

    def produce(writer: Any) -> None:
        for index, start in enumerate(range(0, len(episodes), PART)):
            part = episodes[start : start + PART]
            toolsets = [part[0].toolset_row() or {}] if index == 0 else []
            rows = {"trajectories": frame(TRAJECTORIES, [t.row() for t in part]), "toolsets": frame(TOOLSETS, toolsets)}
            writer.write(index, rows)

    return obtain(TRAJECTORIES_STAGE, NoSettings(), {}, store, produce)


def rollouts_of(store: Store, reader: StateReader) -> Artefact:
    rng = random.Random(0)

    def produce(writer: Any) -> None:
        for index in reader.part_indices():
            states = reader.part(index)
            rows = [
                {
                    "trajectory_id": state.key[0],
                    "turn_index": state.key[1],
                    "sample_index": sample,
                    "prompt_tokens": 400,
                    "token_ids": [1] * 20,
                    "logprobs": [0.0] * 20,
                    "text": written(state.demonstration if sample % 2 else rng.choice(states).demonstration),
                    "finished": True,
                }
                for state in states
                for sample in range(8)
            ]
            writer.write(index, {"rollouts": frame(ROLLOUTS, rows)})

    return obtain(ROLLOUTS_STAGE, NoSettings(), {}, store, produce)


class Clock:
    """Time spent inside the functions it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            result = function(*args, **keywords)
            self.seconds += time.perf_counter() - began
            return result

        return run


def shares(store: Store) -> tuple[list[float], int]:
    """The share of time outside verification in each round, and how many rollouts a round scores."""
    episodes = trajectories(store)
    states = commit_states(store, episodes)
    rollouts = rollouts_of(store, StateReader(store, states.ref, episodes.ref))
    data = states.ref, episodes.ref
    chat = ChatFormat(DESK)
    checks = obtain(
        CHECKS_STAGE, ScoreConfig(), {}, store, lambda writer: write_checks(writer, store, *data, ScoreConfig(), chat)
    )
    build, parser_for = scoring.build, scoring.parser_for
    outside = []
    for number in range(ROUNDS):
        clock = Clock()
        timed = {
            "build": lambda settings, clock=clock: clock.timed(build(settings)),
            "parser_for": lambda name, clock=clock: Parser(name, Format(clock.timed(parser_for(name).format.read))),
        }
        config = ScoreConfig(min_gold_rate=0.9 + number / 100)
        arguments = (store, rollouts.ref, checks.ref, *data, config)
        began = time.perf_counter()
        with mock.patch.multiple(scoring, **timed):
            obtain(scoring.STAGE, config, {}, store, lambda w, a=arguments: scoring.write_scores(w, *a))
        outside.append(1 - clock.seconds / (time.perf_counter() - began))
    return outside, rollouts.rows


def main() -> None:
    """Print the share."""
    with tempfile.TemporaryDirectory() as root:
        outside, rollouts = shares(Store(root))
    print(
        f"score: {statistics.median(outside):.1%} of its time outside verification "
        f"({min(outside):.1%} to {max(outside):.1%}, {len(outside)} rounds of {rollouts:,} rollouts)"
    )


if __name__ == "__main__":
    main()
