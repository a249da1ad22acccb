"""Sample K actions at each state of a part (PivotRL, step 2: profile), in trajectory order, in segments that survive
a kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from schemas.config import RolloutConfig
from schemas.rollouts import ROLLOUTS, NotSampled
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import template_format
from tasks.policy.rendering import render
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.stages.rollout.segments import Earlier, segment_seed, segments
from tasks.states.example import Example

RENDERED_ALONE = "rendered_alone"
"""Beside the reasons: states whose prompt is no prefix of their trajectory's, because the template rewrites history."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many states are not sampled at, by reason, and how many share no prefix with their trajectory, so that the
    engine's cache is of no use to them. `refusal` is what the chat template said of the first that it refused."""

    reasons: Counter[str]
    refusal: str = ""


def prompted(chat: ChatFormat, states: Sequence[Example], config: RolloutConfig) -> tuple[list[Example], Counted]:
    """The states that fit into the context, and what is to be counted of all of them."""
    rendered = render(chat, [s.state for s in states])
    longest = config.engine.prompt_room(config.max_tokens)
    kept: list[Example] = []
    reasons: Counter[str] = Counter({RENDERED_ALONE: rendered.rewritten} if rendered.rewritten else {})
    for state, prompt in zip(states, rendered.prompts, strict=True):
        if prompt is None:
            reasons[NotSampled.NOT_RENDERED.value] += 1
        elif len(prompt) > longest:
            reasons[NotSampled.TOO_LONG.value] += 1
        else:
            kept.append(replace(state, prompt=prompt))
    return kept, Counted(reasons, rendered.refusal)


def sample_part(
    writer: Writer,
    index: int,
    states: list[Example],
    counted: Counted,
    config: RolloutConfig,
    seed: int,
    engine: Callable[[], Sampler],
    chat: ChatFormat,
    earlier: Earlier,
) -> int:
    """Sample every state of a part; segments that this run, killed before, or an earlier one has are not sampled again.

    Args:
        engine: gives the sampler; called only where something is to be sampled.

    Returns:
        How many states were sampled.
    """
    frames, sampled = [frame(ROLLOUTS, [])], 0
    keys = [state.key for state in states]
    for number, cut in enumerate(segments(keys)):
        found = writer.segment(index, number)
        if found is None:
            found = earlier.segment(keys[cut])
        if found is None:
            sampling = Sampling(
                n=config.samples,
                temperature=config.temperature,
                top_p=config.top_p,
                max_tokens=config.max_tokens,
                seed=segment_seed(seed, keys[cut]),
            )
            found = rows(states[cut], engine().sample([s.prompt for s in states[cut]], sampling), chat)
            writer.write_segment(index, number, found)
            sampled += len(keys[cut])
        frames.append(found)
    summary = {"parser": template_format(chat.template), **({"refusal": counted.refusal} if counted.refusal else {})}
    writer.write(index, {"rollouts": pl.concat(frames)}, reasons=counted.reasons, summary=summary)
    return sampled


def rows(states: Sequence[Example], samples: Sequence[Sequence[Sample]], chat: ChatFormat) -> pl.DataFrame:
    """The rollouts table of these samples."""
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
