"""The policy under training: its weights, optimiser and one update from a batch of samples.

Weights and optimiser are float32; `train.precision` is that of the forward and backward pass. Each rank has a shard of
both and computes a part of a batch's trees. In float32 the update of several ranks is that of one.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from schemas.training import TrainConfig
from tasks.children.progress import alive
from tasks.errors import InputError, StageFailed
from tasks.stages.train import objective
from tasks.stages.train.batch import Batch
from tasks.stages.train.compute import forward, tree
from tasks.stages.train.compute.adapters import adapters_off, add_adapters, merged_parameters
from tasks.stages.train.compute.experts import freeze_routers, with_file_names
from tasks.stages.train.compute.model import (
    checkpoint_activations,
    explain_out_of_memory,
    load_for_sharding,
    load_model,
)
from tasks.stages.train.compute.ranks import Ranks
from tasks.stages.train.compute.sharding import full_tensor, shard
from tasks.stages.train.metrics import StepMetrics, explosion

log = logging.getLogger(__name__)


class Learner:
    """A policy, and the reference policy where the KL divergence from it is asked for.

    Args:
        folder: the reference policy, which training starts from.
        config: the section `train`.
        longest: tokens of the longest prompt and action together; decides whether a sliding window matters.
        seed: of the adapters' initial values, where `train.lora_rank` asks for adapters.
        ranks: those that train together, each with a `Learner` of the same arguments.

    Raises:
        InputError: the folder holds no usable model, or not for these settings.
        StageFailed: memory ran out.
    """

    def __init__(
        self, folder: Path, config: TrainConfig, longest: int, seed: int = 0, ranks: Ranks | None = None
    ) -> None:
        self.config, self.ranks = config, ranks or Ranks()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if config.tree_attention == "blocks" and self.device.type == "cpu":
            raise InputError("train.tree_attention is blocks, which needs a GPU to train; set it to dense on a CPU")
        with explain_out_of_memory(config, "before the first step"):
            self.model = self._load(folder)
            if config.lora_rank:
                add_adapters(self.model, config.lora_rank, seed)
            if config.freeze_router:
                freeze_routers(self.model)
            if config.gradient_checkpointing:
                checkpoint_activations(self.model)
            self.shares_prefixes = self._takes_trees(longest)
            self._prepare(self.model)
            self.optimiser = _optimiser(self.model, config)
            self.reference: PreTrainedModel | None = None
            if config.method == "grpo" and config.kl_coefficient > 0:
                # With adapters off, the model itself is the reference policy.
                self.reference = self.model if config.lora_rank else self._load(folder).requires_grad_(False)
                if self.reference is not self.model:
                    self._prepare(self.reference)

    def _load(self, folder: Path) -> PreTrainedModel:
        if self.ranks.world_size > 1:
            return load_for_sharding(folder, self.ranks)
        return load_model(folder, self.device.type)

    def _takes_trees(self, longest: int) -> bool:
        reason = self.ranks.broadcast(forward.refusal(self.model, longest) if self.ranks.is_main else None)
        if reason is not None:
            log.warning("train: prompts are repeated for every sample, because %s", reason)
        return reason is None

    def _prepare(self, model: PreTrainedModel) -> None:
        if self.config.tree_attention == "blocks":
            model.set_attn_implementation("flex_attention")
        if self.ranks.world_size > 1:
            shard(model, self.config.precision, self.device)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters by the names in the model's files, as full tensors, tied ones once, adapters merged into them.
        All ranks must take them."""
        return with_file_names(self.model, merged_parameters(self.model))

    def packs(self, branches: Sequence[tree.Branch]) -> list[tree.Pack]:
        """The forward passes of this rank's part of a batch."""
        limit = self.config.tokens_per_batch
        # Block masks skip what a dense mask computes, so no tree is split for the mask's sake.
        dense = self.config.tree_attention == "dense"
        width = self.model.config.get_text_config().hidden_size if dense else limit
        trees = tree.build_trees(branches, limit, width, share=self.shares_prefixes)
        return list(tree.pack(tree.assign(trees, self.ranks.world_size, width)[self.ranks.rank], limit))

    def update(self, batch: Batch, step: int, metrics: Sequence[StepMetrics] = ()) -> StepMetrics:
        """One step of AdamW on the batch, and what was measured. A batch without samples changes nothing.

        Args:
            metrics: the run's steps so far, by which a gradient that explodes is told (`metrics.explosion`).

        Raises:
            StageFailed: the loss or the gradient is not finite, or explodes (nothing was changed), or memory ran out.
        """
        rate = self.config.learning_rate * min(1.0, (step + 1) / max(1, self.config.warmup_steps))
        sums: Counter[str] = Counter()
        norm = 0.0
        if batch.branches:
            with explain_out_of_memory(self.config, f"step {step}"):
                self.optimiser.zero_grad(set_to_none=True)
                sums = self.accumulate_gradients(batch)
                parameters = self.model.parameters()
                norm = float(full_tensor(torch.nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)))
                if not (math.isfinite(sums["loss"]) and math.isfinite(norm)):
                    raise StageFailed(
                        f"train: step {step}: loss {sums['loss']} and gradient norm {norm} are not both finite"
                    )
                if reason := explosion(norm, metrics, self.config):
                    raise StageFailed(f"train: step {step}: {reason}")
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                self.optimiser.step()
        tokens = sums.pop("tokens", 0)
        return {
            "loss": float(sums.pop("loss", 0.0)),
            "grad_norm": norm,
            "learning_rate": rate,
            "distinct_tokens": int(sums.pop("distinct_tokens", 0)),
            "repeated_tokens": tree.repeated_tokens(batch.branches),
            **({name: total / tokens for name, total in sums.items()} if tokens else {}),
        }

    def accumulate_gradients(self, batch: Batch) -> Counter[str]:
        """Add the gradient of the whole batch, pack by pack. Gives the loss, the numbers of tokens, and the sums over
        tokens of what is measured at each."""
        sums: Counter[str] = Counter()
        packs = self.packs(batch.branches)
        dummy = tree.dummy_pack()
        # FSDP gathers each layer from all ranks, so all must compute equally often: a rank with fewer packs than
        # another computes one token with weight 0 in place of each that it lacks.
        for number in range(max(self.ranks.all_gather(len(packs)))):
            if number < len(packs):
                sums.update(self._backward(packs[number].to(self.device), batch, 1.0))
            else:
                self._backward(dummy.to(self.device), batch, 0.0)
            alive()
        total: Counter[str] = Counter()
        for part in self.ranks.all_gather(sums):
            total.update(part)
        return total

    def _backward(self, pack: tree.Pack, batch: Batch, factor: float) -> dict[str, float]:
        """Add a pack's gradient; the sums over its tokens of what is measured."""

        def of_pack(values_M: Tensor) -> Tensor:
            return values_M.to(self.device)[pack.entries_T]

        logprobs_T, entropies_T = self._token_logprobs(self.model, pack)
        reference_T = None
        if self.reference is not None:
            with torch.no_grad(), adapters_off(self.reference):
                reference_T, _ = self._token_logprobs(self.reference, pack)
        losses_T, measured = objective.token_losses(
            self.config,
            logprobs_T,
            of_pack(batch.advantages_M),
            of_pack(batch.samples_M),
            of_pack(batch.sampler_logprobs_M) if batch.sampler_logprobs_M is not None else None,
            reference_T,
        )
        # Token weights add up over the step, not over the pack, so the gradients of packs are added as they are.
        loss = (losses_T * of_pack(batch.weights_M)).sum()
        # FSDP averages the gradients of the ranks, and their losses are to be added: hence times their number.
        (loss * (factor * self.ranks.world_size)).backward()  # type: ignore[no-untyped-call]
        sums = {name: float(values_T.sum()) for name, values_T in {**measured, "entropy": entropies_T}.items()}
        numbers = {"tokens": len(pack.entries_T), "distinct_tokens": pack.distinct_tokens}
        return {**sums, "loss": float(loss.detach()), **numbers}

    def _token_logprobs(self, model: PreTrainedModel, pack: tree.Pack) -> tuple[Tensor, Tensor]:
        # One rank keeps float32 weights under autocast. Several gather them rounded to bfloat16 (sharding.shard), where
        # autocast would copy them again; so in bfloat16 the two differ a little.
        autocast = self.config.precision == "bfloat16" and self.ranks.world_size == 1
        with torch.autocast(self.device.type, torch.bfloat16, enabled=autocast):
            # The sampler's distribution is that at its temperature; SFT has no sampler.
            temperature = self.config.temperature if self.config.method == "grpo" else 1.0
            return forward.token_logprobs(model, pack, temperature)


def _optimiser(model: PreTrainedModel, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only: norms and biases are scales, which decay would pull to 0."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)
