"""Groups of GRPO: the samples of a state and their rewards; and further states in place of those without variance."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tasks.children.progress import alive
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import ParseFailure
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.stages.train import objective
from tasks.stages.train.compute.ranks import Processes
from tasks.stages.train.states import in_trajectory_order
from tasks.states.example import Example
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.verdict import Verify

REFILLS = 3
"""Times that a step draws further states at most: where pivots have dried up it goes on smaller rather than sample them
all."""


@dataclass(frozen=True, slots=True)
class Groups:
    """K states, G samples of each, their rewards, and what it took to get them.

    Where the verifier left a sample of a state undecided, the rewards of all of them are NaN: in a cascade the others
    are those that its cheap part could decide, which are not like it.
    """

    states: list[Example]
    samples: list[list[Sample]]
    rewards_KG: Tensor
    parse_failures: int
    """Samples that were no action."""
    undecided: int
    """Samples that the verifier could not decide."""
    sample_s: float
    verify_s: float

    def __add__(self, other: Groups) -> Groups:
        return Groups(
            self.states + other.states,
            self.samples + other.samples,
            torch.cat([self.rewards_KG, other.rewards_KG]),
            self.parse_failures + other.parse_failures,
            self.undecided + other.undecided,
            self.sample_s + other.sample_s,
            self.verify_s + other.verify_s,
        )

    @property
    def varying(self) -> list[bool]:
        """Whether each group gives a gradient."""
        found: list[bool] = objective.groups_vary(self.rewards_KG).tolist()
        return found

    def batch_of(self, size: int) -> list[int]:
        """Indices of `size` groups: those that vary, and where these do not suffice, others to fill up."""
        varying = self.varying
        return sorted(sorted(range(len(varying)), key=lambda k: not varying[k])[:size])


@dataclass(frozen=True, slots=True)
class _Dealt:
    """What a process sampled and verified: of each sample the reward, NaN where undecided, and whether it was no
    action."""

    samples: list[list[Sample]]
    verdicts: list[list[tuple[float, bool]]]
    sample_s: float
    verify_s: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """What gives groups of states: a policy's chat format, the engine that samples it, and the verifier.

    Each process has an engine of its own and samples a share of the states; all get the groups of all.
    """

    chat: ChatFormat
    sampler: Sampler
    verify: Verify
    processes: Processes = field(default_factory=Processes)
    concurrency: int = 1
    """States verified at once, where the verifier waits for a judge."""

    def groups(self, states: list[Example], sampling: Sampling) -> Groups:
        """Sample and verify. Equal samples of a state are verified once."""
        mine = replace(sampling, seed=self.processes.seed(sampling.seed))
        dealt = self.processes.gather(self._own(self.processes.share(states), mine))
        verdicts = [row for part in dealt for row in part.verdicts]
        rewards_KG = torch.tensor([[reward for reward, _ in row] for row in verdicts], dtype=torch.float32)
        undecided_KG = rewards_KG.isnan()
        return Groups(
            states,
            [group for part in dealt for group in part.samples],
            rewards_KG.masked_fill(undecided_KG.any(1, keepdim=True), math.nan),
            sum(failed for row in verdicts for _, failed in row),
            int(undecided_KG.sum()),
            max(part.sample_s for part in dealt),
            max(part.verify_s for part in dealt),
        )

    def _own(self, states: list[Example], sampling: Sampling) -> _Dealt:
        started = time.perf_counter()
        samples = self.sampler.sample([s.prompt for s in states], sampling)
        sampled = time.perf_counter()
        groups = list(zip(states, samples, strict=True))
        verdicts = in_order(lambda group: self._verdicts(*group), groups, self.concurrency)
        return _Dealt(samples, verdicts, sampled - started, time.perf_counter() - sampled)

    def _verdicts(self, state: Example, group: Sequence[Sample]) -> list[tuple[float, bool]]:
        """Of each sample: the reward, NaN where undecided, and whether it was no action."""
        alive()  # a judge takes its time
        verdicts: dict[tuple[tuple[int, ...], bool], tuple[float, bool]] = {}
        row = []
        for sample in group:
            key = tuple(sample.token_ids), sample.finished
            if key not in verdicts:
                text = self.chat.decode(sample.token_ids, finished=sample.finished)
                completion = self.chat.parser(text, tools=state.state.tools, finished=sample.finished)
                reward = self.verify(state.state, state.demonstration, completion).reward
                verdicts[key] = math.nan if reward is None else reward, isinstance(completion, ParseFailure)
            row.append(verdicts[key])
        return row


def refilled(
    first: Groups,
    pool: Sequence[Example],
    rng: random.Random,
    sample: Callable[[list[Example], int], Groups],
) -> Groups:
    """The groups, and of further states of the pool as many as are missing for each to vary, at most `REFILLS` times.

    Args:
        first: the step's groups.
        pool: all states; none comes twice.
        rng: a function of seed and step, so that a resumed run draws the same.
        sample: gives the groups of states, with a sampling seed.
    """
    groups, taken = first, {state.key for state in first.states}
    rest = [state for state in pool if state.key not in taken]
    rng.shuffle(rest)
    for _ in range(REFILLS):
        missing = len(first.states) - sum(groups.varying)
        chosen, rest = rest[:missing], rest[missing:]
        if not chosen:
            break
        groups = groups + sample(in_trajectory_order(chosen), rng.getrandbits(31))
    return groups
