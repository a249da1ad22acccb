"""What the section `train` has by default where it differs from others, and what it refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.training import TrainConfig


def test_the_engine_beside_a_trainer_takes_less_than_half_also_where_another_setting_is_given() -> None:
    assert TrainConfig().engine.gpu_memory_utilization == 0.4
    assert TrainConfig.model_validate({"engine": {"max_model_len": 4096}}).engine.gpu_memory_utilization == 0.4


def test_an_engine_is_shared_by_a_divisor_of_the_processes() -> None:
    shared = {"engine": {"tensor_parallel": 2}}
    assert TrainConfig.model_validate({**shared, "processes": 4}).engine.tensor_parallel == 2
    assert TrainConfig.model_validate({**shared, "launcher": "torchrun"}).engine.tensor_parallel == 2
    with pytest.raises(ValidationError, match=r"tensor_parallel \(2\) training processes .* divide processes \(1\)"):
        TrainConfig.model_validate(shared)
