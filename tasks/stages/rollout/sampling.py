"""Sample K actions at each state (PivotRL, step 2: profile), part by part, in trajectory order.

A part is the unit of work: whichever process samples it, its rows are the same. A part is sampled in segments
(segments.py), and those that were sampled before are not sampled again (resume.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl

from schemas.config import RolloutConfig
from schemas.rollouts import ROLLOUTS, NotSampled
from schemas.states import Split
from tasks.artefact.fingerprint import canonical
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.policy.chat import ChatFormat
from tasks.policy.rendering import render
from tasks.sampler.build import start
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.sampler.thinking import ThinkingSampler
from tasks.stages.rollout.resume import RolloutArchive, sampled_before
from tasks.stages.rollout.segments import segment_digest, segments
from tasks.stages.rollout.stage import STAGE, RolloutSpec, inputs
from tasks.states.example import Example
from tasks.states.hashing import derive_seed
from tasks.states.reader import StateReader
from tasks.store.store import Store

RENDERED_ALONE = "rendered_alone"
"""Counted beside the reasons: states whose prompt is no prefix of their trajectory's, because the chat template
rewrites history. The engine's prefix cache is of no use to them."""


@dataclass(frozen=True, slots=True)
class SkipCounts:
    """How many states are not sampled at, by reason, and `RENDERED_ALONE`. `refusal` is what the chat template said of
    the first state that it refused."""

    reasons: Counter[str]
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class PartResult:
    """Of a part that was written: how many states were sampled now, and how many an earlier run had sampled."""

    sampled: int
    sampled_before: int


def render_prompts(
    chat: ChatFormat, states: Sequence[Example], config: RolloutConfig
) -> tuple[list[Example], SkipCounts]:
    """The states whose prompts fit into the context, with their prompts, and the counts of the others."""
    rendered = render(chat, [s.state for s in states])
    longest = config.engine.prompt_room(config.max_tokens, config.max_thinking_tokens)
    fitting: list[Example] = []
    reasons: Counter[str] = Counter({RENDERED_ALONE: rendered.rewritten} if rendered.rewritten else {})
    for state, prompt in zip(states, rendered.prompts, strict=True):
        if prompt is None:
            reasons[NotSampled.NOT_RENDERED.value] += 1
        elif len(prompt) > longest:
            reasons[NotSampled.TOO_LONG.value] += 1
        else:
            fitting.append(replace(state, prompt=prompt))
    return fitting, SkipCounts(reasons, rendered.refusal)


@dataclass(frozen=True)
class PartSampler:
    """Samples parts, one after the other. `engine` gives the sampler, and is called only where one is needed."""

    reader: StateReader
    writer: Writer
    archive: RolloutArchive
    chat: ChatFormat
    engine: Callable[[], Sampler]
    config: RolloutConfig
    seed: int

    def __call__(self, index: int) -> PartResult:
        """Sample the training states of a part, and write it."""
        return self.write(index, self.reader.part(index, split=Split.TRAIN))

    def write(self, index: int, states: Sequence[Example]) -> PartResult:
        """Sample these states, and write them as the part of this index."""
        fitting, skips = render_prompts(self.chat, states, self.config)
        keys = [state.key for state in fitting]
        tables, sampled = [frame(ROLLOUTS, [])], 0
        for number, cut in enumerate(segments(keys)):
            rows = sampled_before(self.writer, self.archive, index, number, keys[cut])
            if rows is None:
                rows = self._sample(fitting[cut])
                self.writer.write_segment(index, number, rows)
                sampled += len(keys[cut])
            tables.append(rows)
        summary = {"refusal": skips.refusal} if skips.refusal else {}
        self.writer.write(index, {"rollouts": pl.concat(tables)}, reasons=skips.reasons, summary=summary)
        return PartResult(sampled, len(fitting) - sampled)

    def _sample(self, segment: Sequence[Example]) -> pl.DataFrame:
        sampling = Sampling(
            n=self.config.samples,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            max_tokens=self.config.max_tokens,
            seed=derive_seed(self.seed, segment_digest([state.key for state in segment])),
        )
        samples = self.engine().sample([state.prompt for state in segment], sampling)
        return rollouts_table(segment, samples, self.chat)


def rollouts_table(states: Sequence[Example], samples: Sequence[Sequence[Sample]], chat: ChatFormat) -> pl.DataFrame:
    """The rows of these states' samples."""
    return frame(
        ROLLOUTS,
        [
            {
                "trajectory_id": state.key.trajectory_id,
                "turn_index": state.key.turn_index,
                "sample_index": sample_index,
                "prompt_tokens": len(state.prompt),
                "token_ids": sample.token_ids,
                "logprobs": sample.logprobs,
                "text": chat.decode(sample.token_ids, finished=sample.finished),
                "finished": sample.finished,
            }
            for state, group in zip(states, samples, strict=True)
            for sample_index, sample in enumerate(group)
        ],
    )


def part_sampler(spec: RolloutSpec, folder: Path) -> PartSampler:
    """The sampler of one process, with the policy of a model folder. Its engine is started at the first part that
    needs one."""
    store = Store(spec.store)
    made_from = inputs(spec.states, spec.policy, spec.seed)
    chat = ChatFormat(folder, options=spec.policy.options, max_thinking_tokens=spec.config.max_thinking_tokens)
    return PartSampler(
        reader=StateReader(store, spec.states, spec.trajectories),
        writer=Writer(store, spec.target, STAGE.tables),
        archive=RolloutArchive(store, STAGE.version, canonical(spec.config), made_from),
        chat=chat,
        engine=cache(lambda: ThinkingSampler(start(folder, spec.config.engine, spec.seed), chat)),
        config=spec.config,
        seed=spec.seed,
    )
