"""A version is a hash of what determines the content: stage, its version, its configuration, the versions of its
inputs.

No clock, no host, no library version goes in. A value that would not be the same tomorrow is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from schemas.section import RUNTIME
from tasks.errors import ConfigurationError


def canonical(value: object, where: str = "configuration") -> Any:
    """The value as plain JSON types, `Runtime` fields left out.

    Raises:
        ConfigurationError: a value without one canonical form (a set, a function, NaN, any other object).
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        kept = [name for name, field in fields.items() if RUNTIME not in field.metadata]
        return {name: canonical(getattr(value, name), f"{where}.{name}") for name in kept}
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise ConfigurationError(f"{where} has the key {wrong!r}; keys are text: write it in quotes")
        return {key: canonical(value[key], f"{where}.{key}") for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Enum):
        return canonical(value.value, where)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{where} is {value}, which equals nothing, not even itself; give a finite number")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigurationError(
        f"{where} is a {type(value).__name__}, which has no canonical form, so no version could be computed from it; "
        "give text, a number, a list or a mapping"
    )


def version(stage: str, stage_version: int, config: Any, inputs: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits: 64 bits, so that a million artefacts collide with probability 3e-8."""
    text = json.dumps([stage, stage_version, config, dict(sorted(inputs.items()))], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
