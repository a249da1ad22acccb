"""The model under training, as transformers loads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from schemas.training import TrainConfig
from tasks.errors import InputError, StageFailed
from tasks.stages.train.compute.ranks import Processes


@contextmanager
def memory_told(settings: TrainConfig, when: str) -> Iterator[None]:
    """Says which settings lower what an accelerator holds, where its memory does not suffice.

    Raises:
        StageFailed: memory ran out inside.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise StageFailed(
            f"train: {when}: out of memory; lower train.tokens_per_batch ({settings.tokens_per_batch} now), set "
            "train.gradient_checkpointing, or leave the sampling engine less "
            f"(train.engine.gpu_memory_utilization is {settings.engine.gpu_memory_utilization}): {error}"
        ) from error


def load_model(folder: Path, device: str = "cpu") -> PreTrainedModel:
    """The model in float32, in evaluation mode, so that it computes the distribution that is sampled from (no dropout).

    Raises:
        InputError: no causal language model could be loaded from the folder.
    """
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"model {str(folder)!r}: no causal language model could be loaded: {error}") from error
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def load_together(folder: Path, processes: Processes) -> PreTrainedModel:
    """The same for processes that share a model: the first has it in main memory, the others its parameters and buffers
    without values (on torch's meta device), until `tasks.stages.train.compute.sharding.shard` gives each its share.

    Raises:
        InputError: as `load_model`.
    """
    model = load_model(folder) if processes.is_first else None
    # transformers ties weights, or not, by what the files hold, and only the first has read them.
    names = processes.firsts(_first_names(model) if model is not None else {})
    return model if model is not None else _hollow(folder, names)


def _first_names(model: PreTrainedModel) -> dict[str, str]:
    """Of each parameter's name the first name of the same parameter: another one where it is tied."""
    found: dict[Tensor, str] = {}
    return {name: found.setdefault(p, name) for name, p in model.named_parameters(remove_duplicate=False)}


def _hollow(folder: Path, first_names: dict[str, str]) -> PreTrainedModel:
    auto: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model: PreTrainedModel = auto.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32).eval()
    made: dict[str, Parameter] = {}
    for name, first in first_names.items():
        owner, _, own = name.rpartition(".")
        parameter = made.setdefault(first, Parameter(torch.empty_like(model.get_parameter(name))))
        setattr(model.get_submodule(owner), own, parameter)
    return model


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Layers compute their activations again in the backward pass.

    transformers does so in training mode only; the layers alone are put into it, and what is inside them (attention
    with its dropout) stays in evaluation mode.

    Raises:
        InputError: the model's layers cannot.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not (layers and model.supports_gradient_checkpointing):
        raise InputError(
            f"model class {type(model).__name__}: train.gradient_checkpointing is not possible; turn it off"
        )
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in layers:
        layer.training = True
