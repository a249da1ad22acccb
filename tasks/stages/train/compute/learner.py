"""The policy under training: its weights, optimiser and one update from a batch of samples.

Weights and optimiser are float32; `train.precision` is that of the forward and backward pass. Of several processes each
has a share of both, and computes a share of a batch's trees; in float32 the update is that of one process. In bfloat16
one process keeps float32 weights under autocast, and several put them together rounded, so that they differ a little.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from schemas.training import TrainConfig
from tasks.children.progress import alive
from tasks.errors import InputError, StageFailed
from tasks.stages.train import objective
from tasks.stages.train.compute import forward, tree
from tasks.stages.train.compute.adapters import adapters_off, add_adapters, merged
from tasks.stages.train.compute.model import checkpoint_activations, load_model, load_together, memory_told
from tasks.stages.train.compute.ranks import Processes
from tasks.stages.train.compute.sharding import shard, whole
from tasks.stages.train.metrics import StepMetrics, explosion

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one step that give a gradient, and what the loss needs, for each of their M predicted tokens.

    `weights_M` make token losses the step's loss. Without `sampler_logprobs_M` the loss is the cross-entropy (SFT).
    """

    branches: Sequence[tree.Branch]
    weights_M: Tensor
    advantages_M: Tensor
    sampler_logprobs_M: Tensor | None

    @property
    def samples_M(self) -> Tensor:
        """Whose token it is: the index of its branch."""
        lengths = torch.tensor([len(branch.completion) for branch in self.branches])
        return torch.arange(len(self.branches)).repeat_interleave(lengths)


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did; means are over the batch's tokens, None where there were none or they do not apply."""

    loss: float
    grad_norm: float
    learning_rate: float
    clip_share: float | None
    kl: float | None
    entropy: float | None
    sampler_mismatch: float | None
    distinct_tokens: int
    repeated_tokens: int


def _optimiser(model: PreTrainedModel, settings: TrainConfig) -> torch.optim.AdamW:
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


class Learner:
    """A policy, and the reference policy where the KL divergence to it is asked for.

    Args:
        folder: the reference policy, which training starts from.
        settings: the section `train`.
        longest: tokens of the longest prompt and action together; decides whether a sliding window matters.
        seed: of the adapters' initial values, where `train.lora_rank` asks for adapters.
        processes: those that train together, each with a `Learner` of the same arguments.

    Raises:
        InputError: the folder holds no usable model, or not for these settings.
        StageFailed: memory ran out.
    """

    def __init__(
        self, folder: Path, settings: TrainConfig, longest: int, seed: int = 0, processes: Processes | None = None
    ) -> None:
        self.settings, self.processes = settings, processes or Processes()
        with memory_told(settings, "before the first step"):
            self._build(folder, longest, seed)

    def _build(self, folder: Path, longest: int, seed: int) -> None:
        settings = self.settings
        self.model = self._loaded(folder)
        if settings.lora_rank:
            add_adapters(self.model, settings.lora_rank, seed)
        if settings.gradient_checkpointing:
            checkpoint_activations(self.model)
        reason = forward.refusal(self.model, longest) if self.processes.is_first else None
        reason = self.processes.firsts(reason)
        self.shares_prefixes = reason is None
        if reason is not None:
            log.warning("train: prompts are repeated for every sample, because %s", reason)
        self._prepare(self.model)
        self.optimiser = _optimiser(self.model, settings)
        self.reference: PreTrainedModel | None = None
        if settings.method == "grpo" and settings.kl_coefficient > 0:
            self.reference = self.model if settings.lora_rank else self._reference(folder)

    def _reference(self, folder: Path) -> PreTrainedModel:
        model = self._loaded(folder).requires_grad_(False)
        self._prepare(model)
        return model

    def _loaded(self, folder: Path) -> PreTrainedModel:
        """The model: on the accelerator where one process has it to itself, else in the first one's main memory, until
        each has its share."""
        on_gpu = torch.cuda.is_available()
        if self.settings.tree_attention == "blocks" and not on_gpu:
            raise InputError("train.tree_attention is blocks, which needs a GPU to train; set it to dense on a CPU")
        if self.processes.count > 1:
            return load_together(folder, self.processes)
        return load_model(folder, "cuda" if on_gpu else "cpu")

    def _prepare(self, model: PreTrainedModel) -> None:
        if self.settings.tree_attention == "blocks":
            model.set_attn_implementation("flex_attention")
        if self.processes.count > 1:
            shard(model, self.settings.precision, self.device)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters by transformers' names, whole, tied ones once, adapters merged into them. All processes must
        take them."""
        names = {name.replace(".base_layer.", ".") for name, _ in self.model.named_parameters()}
        return ((name, value) for name, value in merged(self.model) if name in names)

    def packs(self, branches: Sequence[tree.Branch]) -> list[tree.Pack]:
        """The forward passes of this process's share of a batch."""
        limit = self.settings.tokens_per_batch
        # Block masks skip what a dense mask computes, so that no tree is divided for the mask's sake.
        dense = self.settings.tree_attention == "dense"
        width = self.model.config.get_text_config().hidden_size if dense else limit
        trees = tree.plant(branches, limit, width, share=self.shares_prefixes)
        return list(tree.pack(tree.deal(trees, self.processes.count, width)[self.processes.rank], limit))

    def update(self, batch: Batch, step: int, before: Sequence[StepMetrics] = ()) -> Update:
        """One step of AdamW on the batch. A batch without samples changes nothing.

        Args:
            before: the run's steps so far, by which a gradient that explodes is told (`metrics.explosion`).

        Raises:
            StageFailed: the loss or the gradient is not finite, or explodes (nothing was changed), or memory ran out.
        """
        warmth = min(1.0, (step + 1) / max(1, self.settings.warmup_steps))
        rate = self.settings.learning_rate * warmth
        if not batch.branches:
            return Update(0.0, 0.0, rate, None, None, None, None, distinct_tokens=0, repeated_tokens=0)
        with memory_told(self.settings, f"step {step}"):
            return self._update(batch, step, rate, before)

    def _update(self, batch: Batch, step: int, rate: float, before: Sequence[StepMetrics]) -> Update:
        self.optimiser.zero_grad(set_to_none=True)
        sums = self._accumulate(batch)
        norm = float(whole(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)))
        if not (math.isfinite(sums["loss"]) and math.isfinite(norm)):
            raise StageFailed(f"train: step {step}: loss {sums['loss']} and gradient norm {norm} are not both finite")
        if reason := explosion(norm, before, self.settings):
            raise StageFailed(f"train: step {step}: {reason}")
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return self._summary(batch, sums, norm, rate)

    def _accumulate(self, batch: Batch) -> Counter[str]:
        """Gradients of the whole batch, pack by pack: token weights add up over the step, so the packs' losses do.

        A process with fewer packs than another computes one token in place of each that it lacks, with weight 0: the
        processes put a layer together by meeting, and each must come as often as all others.
        """
        sums: Counter[str] = Counter()
        packs = self.packs(batch.branches)
        idle = tree.idle()
        for number in range(max(self.processes.gather(len(packs)))):
            own = number < len(packs)
            found = self._backward((packs[number] if own else idle).to(self.device), batch, 1.0 if own else 0.0)
            sums.update(found if own else {})
            alive()
        total: Counter[str] = Counter()
        for part in self.processes.gather(sums):
            total.update(part)
        return total

    def _backward(self, pack: tree.Pack, batch: Batch, factor: float) -> dict[str, float]:
        """Add a pack's gradient; the sums over its tokens of what is measured."""
        found = self._losses(pack, self._score(self.model, pack), batch)
        loss = (found.pop("losses") * batch.weights_M.to(self.device)[pack.entries_T]).sum()
        # The processes' gradients are averaged, and their losses are to be added.
        (loss * (factor * self.processes.count)).backward()  # type: ignore[no-untyped-call]
        sums = {name: float(values_T.sum()) for name, values_T in found.items()}
        return sums | {"loss": float(loss.detach()), "tokens": len(pack.entries_T), "distinct": pack.distinct_tokens}

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def _score(self, model: PreTrainedModel, pack: tree.Pack) -> forward.TokenScores:
        autocast = self.settings.precision == "bfloat16" and self.processes.count == 1
        with torch.autocast(self.device.type, torch.bfloat16, enabled=autocast):
            return forward.score(model, pack, self.settings.temperature if self.settings.method == "grpo" else 1.0)

    def _losses(self, pack: tree.Pack, scores: forward.TokenScores, batch: Batch) -> dict[str, Tensor]:
        """Token losses of a pack with gradient, and what is measured at each token."""
        logprobs_T, entries_T = scores.logprobs_T, pack.entries_T
        device = logprobs_T.device
        advantages_T = batch.advantages_M.to(device)[entries_T]
        measured = {"entropy": scores.entropies_T}
        if batch.sampler_logprobs_M is None:
            return measured | {"losses": -logprobs_T * advantages_T}
        sampler_T = batch.sampler_logprobs_M.to(device)[entries_T]
        cap = self.settings.importance_cap
        old_T = logprobs_T.detach() if cap > 0 else sampler_T
        losses_T, clipped_T = objective.clipped_ratio_loss(
            logprobs_T, old_T, advantages_T, self.settings.clip_low, self.settings.clip_high
        )
        if cap > 0 and self.settings.importance_level == "token":
            losses_T = losses_T * objective.importance_weights(logprobs_T, sampler_T, cap)
        elif cap > 0:
            samples_T = batch.samples_M.to(device)[entries_T]
            losses_T = losses_T * objective.sequence_importance_weights(logprobs_T, sampler_T, samples_T, cap)
        if self.reference is not None:
            with torch.no_grad(), adapters_off(self.reference):
                reference_T = self._score(self.reference, pack).logprobs_T
            kl_T = objective.kl_loss(logprobs_T, old_T, reference_T)
            losses_T = losses_T + self.settings.kl_coefficient * kl_T
            measured["kl"] = kl_T.detach()
        mismatch_T = (logprobs_T.detach() - sampler_T).abs()
        return measured | {"losses": losses_T, "clipped": clipped_T.float(), "mismatch": mismatch_T}

    def _summary(self, batch: Batch, sums: Counter[str], norm: float, rate: float) -> Update:
        def mean(name: str) -> float | None:
            return sums[name] / sums["tokens"] if name in sums and sums["tokens"] else None

        return Update(
            loss=float(sums["loss"]),
            grad_norm=norm,
            learning_rate=rate,
            clip_share=mean("clipped"),
            kl=mean("kl"),
            entropy=mean("entropy"),
            sampler_mismatch=mean("mismatch"),
            distinct_tokens=int(sums["distinct"]),
            repeated_tokens=tree.repeated_tokens(batch.branches),
        )
