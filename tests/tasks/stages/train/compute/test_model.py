"""What is told when memory runs out."""

from __future__ import annotations

import pytest
import torch

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.stages.train.compute.model import explain_out_of_memory


def test_out_of_memory_names_what_to_lower():
    config = TrainConfig(tokens_per_batch=4096)
    lower = r"step 3: out of memory; lower train.tokens_per_batch \(4096 now\).*gpu_memory_utilization is 0.4\): full"
    with pytest.raises(StageFailed, match=lower), explain_out_of_memory(config, "step 3"):
        raise torch.OutOfMemoryError("full")
