"""Models whose new weights do not reach the engine."""

from __future__ import annotations

import pytest

from tasks.errors import ConfigurationError
from tasks.sampler.hand_over import require_hand_over


@pytest.mark.parametrize("model_type", ["qwen3", "qwen3_moe", None])
def test_others_are_let_through(model_type: str | None) -> None:
    require_hand_over("mine", model_type)


@pytest.mark.parametrize(
    ("model_type", "reason"), [("gpt_oss", "leaves out its experts"), ("nemotron_h", "no test has shown")]
)
def test_the_way_out_is_an_export(model_type: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"model 'mine' \({model_type}\).*{reason}.*pivotrl export"):
        require_hand_over("mine", model_type)
