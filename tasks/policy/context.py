"""Whether a model reads as far as its engines are told to. vLLM would refuse after the stages before it have run, and
propose a variable with which a model is sampled beyond what it was trained for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import ConfigurationError
from tasks.policy.files import DESK
from tasks.store.manifest import Ref
from tasks.store.store import Store

_LENGTH = "max_position_embeddings"
_SCALED_ALREADY = ("longrope", "llama3", "yarn", "su", "deepseek_yarn", "deepseek_llama_scaling")
"""Kinds of rope scaling of which `max_position_embeddings` is the length after scaling, as vLLM takes them too."""


def require_context(model: str, location: str, lengths: Mapping[str, int], store: Store) -> None:
    """Refuse a context length that the model does not have. What only the hub can tell is left to vLLM.

    Args:
        model: as the configuration names it.
        location: of that policy, as `Policy.location`.
        lengths: of each engine that the run starts, `engine.max_model_len` by the section's name.

    Raises:
        ConfigurationError: every length that is too large, and the largest that would do.
    """
    settings = _settings(location, store) if lengths else None
    if not isinstance(settings, Mapping) or not settings or _says_enough(settings, max(lengths.values())):
        return
    context = _context(settings)
    long = [f"{name}.engine.max_model_len" for name, length in lengths.items() if context and length > context]
    if long:
        raise ConfigurationError(
            f"model {model!r} reads {context:,} tokens at most, fewer than {' and '.join(long)}: set them to "
            f"{context} or less, or take a model with a longer context"
        )


def _settings(location: str, store: Store) -> Any:
    """The model's config.json; None where it is not at hand."""
    if location.startswith("policies@"):
        ref = Ref.parse(location)
        keys = [file.key for file in store.manifest(ref).files if file.name == "config.json"]
        return json.loads(store.objects.get(f"{ref.stage}/{ref.version}/{keys[0]}")) if keys else None
    path = (DESK if location == "desk" else Path(location)) / "config.json"
    return json.loads(path.read_text()) if path.is_file() else None


def _says_enough(settings: Mapping[str, Any], length: int) -> bool:
    """Whether the file as it is written names a context of that length: then transformers, which takes seconds to
    import, is not asked."""
    named = settings.get(_LENGTH)
    return isinstance(named, int) and named >= length


def _context(settings: Mapping[str, Any]) -> int | None:
    """The longest context, of a model with several parts that of the one that writes, rope scaling included; None for
    a model that transformers does not know or that has no such bound."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.for_model(**settings)
    except Exception:  # remote code, an architecture of another version: vLLM may know it all the same
        return None
    text = config.get_text_config()
    length = getattr(text, _LENGTH, None)
    if not isinstance(length, int) or length < 1:
        return None
    return int(length * _factor(getattr(text, "rope_parameters", None), str(settings.get("model_type"))))


def _factor(rope: Any, model_type: str) -> float:
    """By how much rope scaling lengthens the context; the parameters are one set, or one a kind of layer."""
    if not isinstance(rope, Mapping) or "gemma3" in model_type:  # whose length is the scaled one
        return 1.0
    sets = [rope, *(part for part in rope.values() if isinstance(part, Mapping))]
    factors = [one.get("factor") for one in sets if one.get("rope_type") not in _SCALED_ALREADY]
    return max((float(factor) for factor in factors if factor), default=1.0)
