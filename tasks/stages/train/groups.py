"""Groups of GRPO: the samples of a state with their rewards; and further states in place of those without variance."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tasks.children.progress import alive
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import ParseFailure
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.stages.train import objective
from tasks.stages.train.compute.ranks import Ranks
from tasks.stages.train.metrics import StepMetrics
from tasks.stages.train.states import in_trajectory_order
from tasks.states.example import Example
from tasks.states.hashing import derive_seed
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.reading import read, verdict_on
from tasks.verifiers.verdict import Verify

REFILLS = 3
"""A step draws further states at most so many times. Where pivots have dried up it goes on smaller, rather than sample
them all."""


@dataclass(frozen=True, slots=True)
class Groups:
    """K states with G samples each, their rewards, and what it took to get them.

    Where the verifier left a sample of a state undecided, the rewards of all of them are NaN: in a cascade the others
    are those that its cheap part could decide, which are not like it.
    """

    examples: list[Example]
    samples: list[list[Sample]]
    rewards_KG: Tensor
    undecided: int
    """Samples that the verifier could not decide."""
    parse_failures: int
    """Samples that were no action."""
    seconds: Mapping[str, float]
    """By the name of its column: what took how long."""
    masks_overlong: bool = False
    """As `train.overlong` says."""

    def __add__(self, other: Groups) -> Groups:
        return Groups(
            self.examples + other.examples,
            self.samples + other.samples,
            torch.cat([self.rewards_KG, other.rewards_KG]),
            self.undecided + other.undecided,
            self.parse_failures + other.parse_failures,
            {name: seconds + other.seconds[name] for name, seconds in self.seconds.items()},
            self.masks_overlong,
        )

    @property
    def compared_rewards_KG(self) -> Tensor:
        """Rewards with NaN for the samples that are compared with no other: the undecided and the masked ones."""
        if not self.masks_overlong:
            return self.rewards_KG
        overlong_KG = torch.tensor([[not sample.finished for sample in group] for group in self.samples])
        return self.rewards_KG.masked_fill(overlong_KG, math.nan)

    @property
    def varying(self) -> list[bool]:
        """Whether each group gives a gradient."""
        varying: list[bool] = objective.groups_vary(self.compared_rewards_KG).tolist()
        return varying

    def varying_first(self, size: int) -> list[int]:
        """Indices of `size` groups in order: those that vary, and where these do not suffice, others to fill up."""
        varying = self.varying
        return sorted(sorted(range(len(varying)), key=lambda k: not varying[k])[:size])

    def metrics(self) -> StepMetrics:
        """What a step records of its groups (schemas/policies.py)."""
        decided_S = self.rewards_KG[~self.rewards_KG.isnan()]
        vary_K = objective.groups_vary(self.compared_rewards_KG[~self.rewards_KG.isnan().all(1)])
        samples = self.rewards_KG.numel()
        overlong = sum(not sample.finished for group in self.samples for sample in group)
        return {
            "states": len(self.examples),
            "samples": samples,
            "reward_mean": float(self.rewards_KG.nanmean()) if len(decided_S) else None,
            "reward_std": float(decided_S.std()) if len(decided_S) > 1 else None,
            "zero_variance": 1.0 - float(vary_K.float().mean()) if len(vary_K) else None,
            "parse_failures": self.parse_failures / samples,
            "overlong": overlong / samples,
            "undecided": self.undecided / samples,
            **self.seconds,
        }


@dataclass(frozen=True, slots=True)
class GroupSampler:
    """What gives groups of states: a policy's chat format, the engine that samples it, and the verifier.

    Each engine samples a part of the states, and each rank verifies a part; all get the groups of all.
    """

    chat: ChatFormat
    sampler: Sampler
    verify: Verify
    ranks: Ranks = field(default_factory=Ranks)
    concurrency: int = 1
    """States verified at once, where the verifier waits for a judge."""
    tensor_parallel: int = 1
    """Ranks that share an engine. They ask it for the same samples at the same time."""
    masks_overlong: bool = False
    """As `train.overlong` says."""

    def groups(self, examples: list[Example], sampling: Sampling) -> Groups:
        """Sample and verify. Equal samples of a state are verified once."""
        began = time.perf_counter()
        engine = self.ranks.engine(self.tensor_parallel)
        sampled_part, own_part = engine.part(len(examples)), self.ranks.part(len(examples))
        engine_sampling = replace(sampling, seed=derive_seed(sampling.seed, "rank", engine.rank))
        sampled_groups = self.sampler.sample([examples[k].prompt for k in sampled_part], engine_sampling)
        samples = [sampled_groups[k - sampled_part.start] for k in own_part]
        sampled = time.perf_counter()
        own = [examples[k] for k in own_part]
        verdicts = in_order(lambda group: self._verdicts(*group), zip(own, samples, strict=True), self.concurrency)
        own_seconds = {"sample_s": sampled - began, "verify_s": time.perf_counter() - sampled}
        parts = self.ranks.all_gather((samples, verdicts, own_seconds))
        all_verdicts = [row for _, verdicts, _ in parts for row in verdicts]
        rewards_KG = torch.tensor([[reward for reward, _ in row] for row in all_verdicts], dtype=torch.float32)
        undecided_KG = rewards_KG.isnan()
        return Groups(
            examples,
            [group for samples, _, _ in parts for group in samples],
            rewards_KG.masked_fill(undecided_KG.any(1, keepdim=True), math.nan),
            undecided=int(undecided_KG.sum()),
            parse_failures=sum(failed for row in all_verdicts for _, failed in row),
            seconds={name: max(seconds[name] for _, _, seconds in parts) for name in own_seconds},
            masks_overlong=self.masks_overlong,
        )

    def _verdicts(self, example: Example, group: Sequence[Sample]) -> list[tuple[float, bool]]:
        """Of each sample the reward, NaN where undecided, and whether it was no action."""
        alive()  # a judge takes its time
        verdicts: dict[tuple[tuple[int, ...], bool], tuple[float, bool]] = {}
        row = []
        for sample in group:
            key = tuple(sample.token_ids), sample.finished
            if key not in verdicts:
                text = self.chat.decode(sample.token_ids, finished=sample.finished)
                completion = read(self.chat.parser, example, text, sample.finished)
                reward = verdict_on(self.verify, example, text, sample.finished, completion).reward
                verdicts[key] = math.nan if reward is None else reward, isinstance(completion, ParseFailure)
            row.append(verdicts[key])
        return row


def refill(
    groups: Groups,
    pool: Sequence[Example],
    seed: int,
    sample: Callable[[list[Example], int], Groups],
) -> Groups:
    """The groups, and of further states of the pool as many as are missing for each to vary, at most `REFILLS` times.

    Args:
        groups: the step's.
        pool: all states; none comes twice.
        seed: of the step.
        sample: gives the groups of states, with a sampling seed.
    """
    size, drawn = len(groups.examples), {example.key for example in groups.examples}
    rest = [example for example in pool if example.key not in drawn]
    random.Random(derive_seed(seed, "order")).shuffle(rest)
    for number in range(REFILLS):
        missing = size - sum(groups.varying)
        chosen, rest = rest[:missing], rest[missing:]
        if not chosen:
            break
        groups = groups + sample(in_trajectory_order(chosen), derive_seed(seed, "sample", number))
    return groups
