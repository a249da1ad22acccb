"""The child process of `evaluate`: one policy, one engine, every suite."""

from __future__ import annotations

import tempfile
from pathlib import Path

from schemas.config import EvaluateConfig
from schemas.evaluations import EVALUATIONS
from schemas.states import Split
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.children.progress import Update, report
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.files import fetch
from tasks.policy.rendering import render_examples
from tasks.sampler.build import start
from tasks.sampler.sampler import Sampling
from tasks.sampler.thinking import ThinkingSampler
from tasks.stages.evaluate.actor import Actor
from tasks.stages.evaluate.measuring import measure
from tasks.stages.evaluate.stage import STAGE, EvaluateSpec, chosen_skills
from tasks.states.example import Example
from tasks.states.hashing import hash64
from tasks.states.reader import StateReader
from tasks.store.store import Store
from tasks.verifiers.build import build, concurrency_of


def held_out(reader: StateReader, config: EvaluateConfig) -> list[Example]:
    """The validation states, or `config.states` of them, spread over trajectories and the same for every policy."""
    if config.states == 0:
        return []
    shuffled = sorted(reader.all(split=Split.VALIDATION), key=lambda s: hash64(str(s.key)))
    return sorted(shuffled[: config.states], key=lambda s: s.key)


def work(spec: EvaluateSpec) -> None:
    """Measure and write one part."""
    config = spec.config
    store = Store(spec.store)
    states = held_out(StateReader(store, spec.states, spec.trajectories), config)
    domains = len({s.state.domain for s in states})
    total = 2 * (domains + len(config.worlds) + len(config.ood_worlds) + len(chosen_skills(config)))
    done = 0

    def on_row(what: str) -> None:
        nonlocal done
        done += 1
        report(Update("evaluate", done, total, what))

    with tempfile.TemporaryDirectory(prefix="pivotrl-policy-") as workspace:
        folder = fetch(spec.policy, store, Path(workspace))
        engine = start(folder, config.engine, spec.seed)
        sampling = Sampling(n=1, temperature=0.0, max_tokens=config.max_tokens, seed=spec.seed)
        chat = ChatFormat(folder, spec.score.parser, spec.policy.options, config.max_thinking_tokens)
        room = config.engine.prompt_room(config.max_tokens, config.max_thinking_tokens)
        actor = Actor(ThinkingSampler(engine, chat), chat, room, sampling)
        rendered, _ = render_examples(chat, states)
        verifier = spec.score.verifier
        rows = [
            {"policy": spec.policy.version, **row}
            for row in measure(actor, config, rendered, build(verifier), on_row, concurrency_of(verifier))
        ]
    if not rows:
        raise StageFailed(
            "nothing to evaluate: no states are held out (split.validation_fraction, or too few tasks), and neither "
            "evaluate.worlds nor evaluate.skills names anything"
        )
    Writer(store, spec.target, STAGE.tables).write(0, {"evaluations": frame(EVALUATIONS, rows)})


if __name__ == "__main__":
    enter(EvaluateSpec, work)
