"""The model under training, as transformers loads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Parameter
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from schemas.training import TrainConfig
from tasks.errors import InputError, StageFailed
from tasks.stages.train.compute.ranks import Ranks


@contextmanager
def explain_out_of_memory(config: TrainConfig, when: str) -> Iterator[None]:
    """Where an accelerator's memory does not suffice, say which settings lower its use.

    Raises:
        StageFailed: memory ran out inside.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise StageFailed(
            f"train: {when}: out of memory; lower train.tokens_per_batch ({config.tokens_per_batch} now), set "
            "train.gradient_checkpointing, or leave the sampling engine less "
            f"(train.engine.gpu_memory_utilization is {config.engine.gpu_memory_utilization}): {error}"
        ) from error


def load_model(folder: Path, device: str = "cpu") -> PreTrainedModel:
    """The model in float32, in evaluation mode.

    Raises:
        InputError: no causal language model could be loaded from the folder.
    """
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"model {str(folder)!r}: no causal language model could be loaded: {error}") from error
    # Dropout off: the policy under training must be the distribution that is sampled from.
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def load_for_sharding(folder: Path, ranks: Ranks) -> PreTrainedModel:
    """The same for `sharding.shard`: rank 0 has the model in main memory, the others have it on the meta device.

    Raises:
        InputError: as `load_model`.
    """
    model = load_model(folder) if ranks.is_main else None
    # transformers ties weights, or not, by what the files hold, and only rank 0 has read them.
    owners = ranks.broadcast(_owners(model) if model is not None else {})
    conversions = ranks.broadcast(getattr(model, "_weight_conversions", None))
    loaded: Any = model if model is not None else _load_meta(folder, owners)
    # How the files name weights, which only rank 0 has seen.
    loaded._weight_conversions = conversions
    return cast(PreTrainedModel, loaded)


def _owners(model: PreTrainedModel) -> dict[str, str]:
    """Of each parameter's name the first name of the same parameter: another one where it is tied."""
    owners: dict[Tensor, str] = {}
    return {name: owners.setdefault(p, name) for name, p in model.named_parameters(remove_duplicate=False)}


def _load_meta(folder: Path, owners: dict[str, str]) -> PreTrainedModel:
    """The model without values, its weights tied as `owners` says."""
    auto: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model: PreTrainedModel = auto.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32).eval()
    parameters: dict[str, Parameter] = {}
    for name, owner in owners.items():
        parent, _, attribute = name.rpartition(".")
        parameter = parameters.setdefault(owner, Parameter(torch.empty_like(model.get_parameter(name))))
        setattr(model.get_submodule(parent), attribute, parameter)
    return model


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Layers compute their activations again in the backward pass.

    Raises:
        InputError: the model's layers cannot.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not (layers and model.supports_gradient_checkpointing):
        raise InputError(
            f"model class {type(model).__name__}: train.gradient_checkpointing is not possible; turn it off"
        )
    model.gradient_checkpointing_enable({"use_reentrant": False})
    # transformers checkpoints in training mode only. So the layers alone are put into it; what is inside them
    # (attention with its dropout) stays in evaluation mode.
    for layer in layers:
        layer.training = True
