"""Limits of an action's thought and of its answer, each for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sample, Sampler, Sampling

if TYPE_CHECKING:
    from torch import Tensor


def within_limits(chat: ChatFormat, prompt: Sequence[int], sample: Sample, max_tokens: int) -> Sample:
    """The sample up to the end of its thought and answer, or of the first of them that is too long.

    What is left was sampled by the policy: whether to stop at a token depends on no later token.

    Args:
        chat: its `max_thinking_tokens` are the limit of the thought.
        max_tokens: the limit of the answer.
    """
    if chat.max_thinking_tokens == 0:
        return sample
    thought = chat.thinking_tokens(sample.token_ids, prompt)
    overlong = thought is None or thought > chat.max_thinking_tokens
    limit = chat.max_thinking_tokens if thought is None or overlong else thought + max_tokens
    if len(sample.token_ids) <= limit:
        return sample
    return Sample(sample.token_ids[:limit], sample.logprobs[:limit], finished=False)


@dataclass(frozen=True, slots=True)
class ThinkingSampler:
    """A sampler whose `Sampling.max_tokens` are those of the answer, beside the thought's own.

    Where no thought is counted apart, it is the sampler that it has.
    """

    # vLLM has a limit of its own, thinking_token_budget. It forces the tokens that close a thought. A forced token is
    # no sample of the policy, and its log-probability none to train on.

    sampler: Sampler
    chat: ChatFormat

    def sample(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[list[Sample]]:
        """As `Sampler.sample`; a sample that is cut off at either limit is not finished."""
        both = replace(sampling, max_tokens=sampling.max_tokens + self.chat.max_thinking_tokens)
        return [
            [within_limits(self.chat, prompt, sample, sampling.max_tokens) for sample in group]
            for prompt, group in zip(prompts, self.sampler.sample(prompts, both), strict=True)
        ]

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """As `Sampler.load_weights`."""
        self.sampler.load_weights(weights)
