"""A model in equal shares among the processes (FSDP: `torch.distributed.fsdp.fully_shard`).

Every process keeps its share of each weight, of its gradient and of the optimiser's state; a layer is put together for
the time of its computation. accelerate's own FSDP plug-in calls the same function, but leaves models on a CPU whole, so
that what a test on a CPU could try would not be what runs on GPUs.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.distributed import broadcast
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn import Module, Parameter
from torch.utils import swap_tensors
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from tasks.stages.train.compute import forward


def shard(model: PreTrainedModel, precision: str, device: torch.device) -> None:
    """Leave this process with its share of the first one's model, on its device. All processes must call.

    A layer at a time is whole: the first process gives its values, and then each keeps its share.

    With `bfloat16` layers are put together, and computed, in it: under autocast each process would keep copies of all
    of them for the backward pass.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else None
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            _take_firsts(module, device)
            fully_shard(module, mp_policy=policy)
    _take_firsts(model, device)
    fully_shard(model, mp_policy=policy)
    # The trainer calls the decoder and the head apart. Under this name it does so inside of what puts them together.
    sharded: Any = model
    sharded.scored = MethodType(forward.scored, model)
    register_fsdp_forward_method(model, "scored")


def _take_firsts(module: Module, device: torch.device) -> None:
    """Put the module on the device with the first process's values, but for what is in shares already."""
    for value in [*module.parameters(), *module.buffers()]:
        if isinstance(value, DTensor):
            continue
        if value.is_meta:  # swapped in place, so that a tied weight stays one
            empty = torch.empty_like(value, device=device)
            made = Parameter(empty, value.requires_grad) if isinstance(value, Parameter) else empty
            swap_tensors(value, made)  # type: ignore[no-untyped-call]
        value.data = value.data.to(device).contiguous()
        broadcast(value.data, src=0)


def whole(value: Tensor) -> Tensor:
    """The tensor that the processes' shares make. Where the value is shared, all must call."""
    found: Tensor = value.full_tensor() if isinstance(value, DTensor) else value
    return found


def placed(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor as `like` is: this process's share of it, where that is one."""
    if not isinstance(like, DTensor):
        return value
    # Every process has the whole, so that each takes its share without asking the others.
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
