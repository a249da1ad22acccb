"""A model in equal shards among the ranks (FSDP2: `torch.distributed.fsdp.fully_shard`).

Every rank keeps its shard of each weight, of its gradient and of the optimiser's state. A layer is gathered for the
time of its computation. accelerate's FSDP plug-in calls the same function, but does not shard models on a CPU, so that
a test on a CPU would not try what runs on GPUs.
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
    """Leave this rank with its shard of rank 0's model, on its device. All ranks must call.

    Only one layer at a time is in full on a device: rank 0 broadcasts its values, and then each keeps its shard.
    """
    # With bfloat16 a layer is gathered in it, and computed in it. Under autocast, as one rank alone has it, each rank
    # would keep bfloat16 copies of all gathered float32 layers for the backward pass.
    dtype = torch.bfloat16 if precision == "bfloat16" else None
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            broadcast_parameters(module, device)
            fully_shard(module, mp_policy=policy)
    broadcast_parameters(model, device)
    fully_shard(model, mp_policy=policy)
    # FSDP gathers the root's weights (embedding, norm, head) in `forward`, which the trainer does not call: it calls
    # the decoder and the head apart. Registered, this method gathers them too.
    sharded: Any = model
    setattr(sharded, forward.SHARDED_METHOD, MethodType(forward.compute_token_logprobs, model))
    register_fsdp_forward_method(model, forward.SHARDED_METHOD)


def broadcast_parameters(module: Module, device: torch.device) -> None:
    """Put the module on the device with rank 0's values, but for what is sharded already."""
    for value in [*module.parameters(), *module.buffers()]:
        if isinstance(value, DTensor):
            continue
        if value.is_meta:
            empty = torch.empty_like(value, device=device)
            replacement = Parameter(empty, value.requires_grad) if isinstance(value, Parameter) else empty
            # Swapped in place: a new tensor under one of its names would untie a tied weight.
            swap_tensors(value, replacement)  # type: ignore[no-untyped-call]
        value.data = value.data.to(device).contiguous()
        broadcast(value.data, src=0)


def full_tensor(value: Tensor) -> Tensor:
    """The tensor of all ranks' shards. Where the value is sharded, all must call."""
    full: Tensor = value.full_tensor() if isinstance(value, DTensor) else value
    return full


def shard_like(value: Tensor, like: Tensor) -> Tensor:
    """A full tensor as `like` is: this rank's shard of it, where that is one."""
    if not isinstance(like, DTensor):
        return value
    # src_data_rank None: every rank has the full tensor and cuts its shard without communication.
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
