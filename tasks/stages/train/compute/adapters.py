"""LoRA (Hu et al., arXiv 2106.09685): the weights W of a linear layer are frozen, W + scale B A is computed, and A and
B are trained.

peft puts the adapters inside the model and leaves its class as it is. So the forward pass, the optimiser and the
checkpoint see a model with a few more parameters. The sampler and the model folder get merged weights under their usual
names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, ModuleList
from transformers import PreTrainedModel

from tasks.errors import InputError
from tasks.stages.train.compute.sharding import full_tensor

# Scale times rank. With alpha fixed, the best learning rate depends little on the rank ("LoRA Without Regret",
# Thinking Machines, 2025, which uses this value).
ALPHA = 32

_BASE_LAYER = ".base_layer"
"""What peft puts into the names of an adapted layer's own weights."""


def add_adapters(model: PreTrainedModel, rank: int, seed: int) -> None:
    """Put adapters into every linear layer but the head, and freeze everything else. The model's output is unchanged.

    Experts and their routers are no linear layers, and so are frozen.

    Args:
        model: changed in place.
        rank: of A and B; at least 1.
        seed: of A's initial values (B begins at zero). The global generator is left as it was.

    Raises:
        InputError: the model has no linear layer that peft can adapt.
    """
    from peft import LoraConfig, inject_adapter_in_model  # seconds that training without adapters does not pay

    # In a mixture of experts peft would leave dense layers out and take routers. It knows such a model by its
    # configuration, and a list has none.
    wrapped = ModuleList([model])
    config = LoraConfig(r=rank, lora_alpha=ALPHA, target_modules=[f"0.{name}" for name in _linear_layers(model)])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, wrapped)
        except ValueError as error:
            raise InputError(f"model class {type(model).__name__}: peft cannot adapt it: {error}") from error


def _linear_layers(model: PreTrainedModel) -> Iterator[str]:
    """The names of all linear layers but the head."""
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    for parent_name, parent in model.named_modules():
        for name, layer in parent.named_children():
            # The kernels of state spaces read the weights of their other layers, and would pass an adapter by.
            reads_weights = hasattr(parent, "A_log") and name != "in_proj"
            if isinstance(layer, Linear) and layer is not head and not reads_weights:
                yield f"{parent_name}.{name}"


@contextmanager
def adapters_off(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model computes what it did before `add_adapters`: the reference policy. A model without adapters is
    left as it is.

    For passes without gradient: inside, the adapters' parameters have `requires_grad` off.
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


def merged_state(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """The model's state by transformers' names, tied parameters once, adapters merged into their layers' weights.

    Each is a full tensor. Where the model is sharded, all ranks must take the same number of them.
    """
    owners = {name for name, _ in model.named_parameters()}
    tied = {name for name, _ in model.named_parameters(remove_duplicate=False)} - owners
    adapted = {f"{name}{_BASE_LAYER}.weight": layer for name, layer in _adapted(model).items()}
    for name, value in model.state_dict().items():
        if ".lora_" in name or name in tied:
            continue
        if name in adapted:
            with torch.no_grad():
                value = value + adapted[name].get_delta_weight("default").to(value.dtype)
        yield name.replace(f"{_BASE_LAYER}.", "."), full_tensor(value)


def merged_parameters(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """The parameters among `merged_state`, without buffers."""
    names = {name.replace(f"{_BASE_LAYER}.", ".") for name, _ in model.named_parameters()}
    return ((name, value) for name, value in merged_state(model) if name in names)
