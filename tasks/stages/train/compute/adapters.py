"""LoRA (Hu et al., arXiv 2106.09685): a linear layer's weights W stay, and W + scale B A is computed, A and B trained.

The adapters are put inside the model, by peft, without changing its class: the trainer's forward pass, the optimiser
and the checkpoint see a model with a few more parameters. Whoever reads weights from outside (the sampler, the model
folder) gets the merged ones under their usual names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tasks.errors import InputError
from tasks.stages.train.compute.sharding import whole

ALPHA = 32
"""Scale times rank, so that the best learning rate depends little on the rank ("LoRA Without Regret", 2025)."""

_BASE = ".base_layer"


def add_adapters(model: PreTrainedModel, rank: int, seed: int) -> None:
    """Put adapters into every linear layer but the head, and freeze everything else. The model's output is unchanged.

    Args:
        model: changed in place.
        rank: of A and B; at least 1.
        seed: of A's initial values (B begins at zero). The global generator is left as it was.

    Raises:
        InputError: the model has no linear layer that peft can adapt.
    """
    from peft import LoraConfig, inject_adapter_in_model  # seconds that training without adapters does not pay

    config = LoraConfig(r=rank, lora_alpha=ALPHA, target_modules="all-linear")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, model)
        except ValueError as error:
            raise InputError(f"model class {type(model).__name__}: peft cannot adapt it: {error}") from error


@contextmanager
def adapters_off(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model computes what it did before `add_adapters`: the policy that training started from. A model
    without adapters is left as it is.

    For passes without gradient: inside, the adapters' parameters say that they are not trained.
    """
    adapted = _adapted(model)
    for layer in adapted.values():
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in adapted.values():
            layer.enable_adapters(True)


def _adapted(model: PreTrainedModel) -> dict[str, Any]:
    """The layers with adapters by name."""
    return {name: layer for name, layer in model.named_modules() if hasattr(layer, "get_delta_weight")}


def merged(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """The model's state by transformers' names, tied parameters once, adapters merged into their layers' weights.

    Each tensor is whole; where the model is shared among processes, all must take the same number of them.
    """
    once = {name for name, _ in model.named_parameters()}
    tied = {name for name, _ in model.named_parameters(remove_duplicate=False)} - once
    adapted = {f"{name}{_BASE}.weight": layer for name, layer in _adapted(model).items()}
    for name, value in model.state_dict().items():
        if ".lora_" in name or name in tied:
            continue
        if name in adapted:
            with torch.no_grad():
                value = value + adapted[name].get_delta_weight("default").to(value.dtype)
        yield name.replace(f"{_BASE}.", "."), whole(value)
