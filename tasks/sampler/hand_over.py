"""Models that cannot be sampled while they are trained, because the engine does not take their new weights."""

from __future__ import annotations

from tasks.errors import ConfigurationError

_REASONS = {
    "gpt_oss": "vLLM leaves out its experts and attention sinks when it takes new weights",
    "nemotron_h": "no test has shown that vLLM takes new weights of its state-space layers",
}
"""By `model_type` in config.json."""


def require_hand_over(model: str, model_type: object) -> None:
    """Refuse a model whose weights an engine would go on sampling as they were at its start.

    Args:
        model: as the configuration names it.
        model_type: in its config.json.

    Raises:
        ConfigurationError: why, and what to do.
    """
    if isinstance(model_type, str) and (reason := _REASONS.get(model_type)):
        raise ConfigurationError(
            f"model {model!r} ({model_type}) cannot be trained with samples: {reason}. Select pivots here with --until "
            "pivots, write them with pivotrl export, and train elsewhere; or set train.method=sft without "
            "train.validate_every"
        )
