"""Check that a model's context is as long as the configuration says.

vLLM checks it too, but only when the stages before it have run. It then proposes a variable with which it samples
beyond the length that the model was trained for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.errors import ConfigurationError
from tasks.policy.files import config_json
from tasks.store.store import Store

_LENGTH = "max_position_embeddings"
_SCALED_ALREADY = ("longrope", "llama3", "yarn", "su", "deepseek_yarn", "deepseek_llama_scaling")
"""Kinds of rope scaling with which `max_position_embeddings` is the length after scaling; the same list as vLLM's."""


def require_context(model: str, location: str, lengths: Mapping[str, int], store: Store) -> None:
    """Refuse a context length that the model does not have. Models that only the hub knows are left to vLLM.

    Args:
        model: as the configuration names it.
        location: of that policy, as `Policy.location`.
        lengths: `engine.max_model_len` of each engine that the run starts, by the section's name.

    Raises:
        ConfigurationError: which lengths are too large, and the largest that will do.
    """
    settings = config_json(location, store) if lengths else {}
    if not settings or _names_as_much(settings, max(lengths.values())):
        return
    context = _context(settings)
    too_long = [f"{name}.engine.max_model_len" for name, length in lengths.items() if context and length > context]
    if too_long:
        raise ConfigurationError(
            f"model {model!r} reads {context:,} tokens at most, fewer than {' and '.join(too_long)}: set them to "
            f"{context} or less, or take a model with a longer context"
        )


def _names_as_much(settings: Mapping[str, Any], length: int) -> bool:
    """Whether config.json itself names a context of that length."""
    # Scaling only lengthens a context. So this answer is safe, and saves the seconds that transformers takes to import.
    context = settings.get(_LENGTH)
    return isinstance(context, int) and context >= length


def _context(settings: Mapping[str, Any]) -> int | None:
    """The longest context, rope scaling included.

    None for a model that transformers does not know, or that has no such bound.
    """
    text = text_config(settings)
    length = getattr(text, _LENGTH, None)
    if not isinstance(length, int) or length < 1:
        return None
    return int(length * _factor(getattr(text, "rope_parameters", None), str(settings.get("model_type"))))


def text_config(settings: Mapping[str, Any]) -> Any:
    """What transformers makes of a config.json; of a model with several parts, that of the part that writes text.

    None for a model that transformers does not know.
    """
    from transformers import AutoConfig  # seconds that most checks do not pay

    try:
        return AutoConfig.for_model(**settings).get_text_config()
    except Exception:  # remote code, an architecture of another version: vLLM may know it all the same
        return None


def _factor(rope: Any, model_type: str) -> float:
    """By how much rope scaling lengthens the context."""
    if not isinstance(rope, Mapping) or "gemma3" in model_type:  # Gemma 3 names its length after scaling, as vLLM knows
        return 1.0
    # One set of parameters, or one per kind of layer.
    parameter_sets = [rope, *(layers for layers in rope.values() if isinstance(layers, Mapping))]
    unscaled = [parameters for parameters in parameter_sets if parameters.get("rope_type") not in _SCALED_ALREADY]
    return max((float(parameters["factor"]) for parameters in unscaled if parameters.get("factor")), default=1.0)
