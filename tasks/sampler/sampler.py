"""What a sampling engine is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `max_tokens` counts the tokens of one action."""

    n: int
    temperature: float
    max_tokens: int
    seed: int
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled action.

    `logprobs` are the sampler's, one per token, in nats, after temperature. `finished` is False at the length limit.
    The last token of a finished sample is the end of turn.
    """

    token_ids: list[int]
    logprobs: list[float]
    finished: bool


class Sampler(Protocol):
    """An engine that holds one policy."""

    def sample(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[list[Sample]]:
        """`sampling.n` samples per prompt (token ids), in order. The same call with the same weights gives the same
        samples."""
        ...

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take new weights, by their names in the model's files, and drop what was cached with the old ones."""
        ...
