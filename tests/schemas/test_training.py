"""What the section `train` has by default where it differs from others."""

from schemas.training import TrainConfig


def test_the_engine_beside_a_trainer_takes_less_than_half_also_where_another_setting_is_given() -> None:
    assert TrainConfig().engine.gpu_memory_utilization == 0.4
    assert TrainConfig.model_validate({"engine": {"max_model_len": 4096}}).engine.gpu_memory_utilization == 0.4
