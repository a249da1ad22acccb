"""What is told when memory runs out, and what the engine leaves to the trainer."""

from __future__ import annotations

import pytest
import torch

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.stages.train.compute.model import explain_out_of_memory


def test_the_engine_beside_a_trainer_takes_less_than_half_also_where_another_setting_is_given():
    assert TrainConfig().engine.gpu_memory_utilization == 0.4
    assert TrainConfig.model_validate({"engine": {"max_model_len": 4096}}).engine.gpu_memory_utilization == 0.4


def test_out_of_memory_names_what_to_lower():
    config = TrainConfig(tokens_per_batch=4096)
    lower = r"step 3: out of memory; lower train.tokens_per_batch \(4096 now\).*gpu_memory_utilization is 0.4\): full"
    with pytest.raises(StageFailed, match=lower), explain_out_of_memory(config, "step 3"):
        raise torch.OutOfMemoryError("full")
