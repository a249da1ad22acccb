"""Check that a model can be divided among the accelerators of a tensor-parallel engine.

vLLM checks it too, but only when the stages before it have run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.errors import ConfigurationError
from tasks.policy.context import text_config
from tasks.policy.files import config_json
from tasks.store.store import Store


def require_divisible(model: str, location: str, tensor_parallel: Mapping[str, int], store: Store) -> None:
    """Refuse a number of accelerators that does not divide the model. Models that only the hub knows are left to vLLM.

    Args:
        model: as the configuration names it.
        location: of that policy, as `Policy.location`.
        tensor_parallel: `engine.tensor_parallel` of each engine that the run starts, by the section's name.

    Raises:
        ConfigurationError: which number, and what it does not divide.
    """
    if all(accelerators == 1 for accelerators in tensor_parallel.values()):
        return
    sizes = dict(_sizes(config_json(location, store)))
    for section, accelerators in tensor_parallel.items():
        undivided = [f"{size} {name}" for name, size in sizes.items() if not _divides(accelerators, name, size)]
        if undivided:
            raise ConfigurationError(
                f"{section}.engine.tensor_parallel is {accelerators}, which does not divide the {undivided[0]} of "
                f"model {model!r}: set it to a divisor"
            )


_KEY_VALUE_HEADS = "key-value heads"


def _divides(accelerators: int, name: str, size: int) -> bool:
    """Whether so many accelerators can share this. Key-value heads can also be copied to several of them."""
    return size % accelerators == 0 or (name == _KEY_VALUE_HEADS and accelerators % size == 0)


def _sizes(settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What is divided, by name. Nothing for a model that transformers does not know."""
    text = text_config(settings)
    for attribute, name in (
        ("num_attention_heads", "attention heads"),
        ("num_key_value_heads", _KEY_VALUE_HEADS),
        ("intermediate_size", "units of a feed-forward layer"),
        ("moe_intermediate_size", "units of an expert"),
    ):
        size = getattr(text, attribute, None)
        if isinstance(size, int) and size > 0:
            yield name, size
