"""Mixtures of experts: routers that training leaves as they are, and the names of experts in files.

transformers keeps all experts of a layer in one tensor. A model's files name each of them, and samplers know these
names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from tasks.errors import InputError

_LAYER = re.compile(r".*?\.\d+\.")


def routers(model: Module) -> Iterator[Module]:
    """What chooses the experts of each token, layer by layer."""
    for block in model.modules():
        parts = dict(block.named_children())
        if "experts" in parts:
            yield from (parts[name] for name in ("gate", "router") if name in parts)


def freeze_routers(model: PreTrainedModel) -> None:
    """Leave all routers out of training.

    Raises:
        InputError: the model has none.
    """
    found = list(routers(model))
    if not found:
        raise InputError(f"model class {type(model).__name__}: train.freeze_router is set, and it has no router")
    for router in found:
        router.requires_grad_(False)


def with_file_names(model: PreTrainedModel, state: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """The same weights as the model's files name and cut them. One layer is held at a time.

    Args:
        state: by transformers' names, those of a layer in a row.
    """
    if getattr(model, "_weight_conversions", None) == []:  # the files have transformers' own names
        yield from state
        return
    for _, layer in groupby(state, key=lambda item: _layer(item[0])):
        yield from revert_weight_conversion(model, dict(layer)).items()


def _layer(name: str) -> str:
    """The part of a parameter's name that its layer's parameters share."""
    found = _LAYER.match(name)
    return found.group() if found else ""
