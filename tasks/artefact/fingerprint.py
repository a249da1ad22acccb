"""An artefact's version: a hash of what determines its content.

That is the stage, the stage's version, its configuration and the versions of its inputs; no clock, no host and no
library's version. A value that would not be the same tomorrow is refused.
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
    """The value as plain JSON types, without the fields that change how fast it runs and not what comes out (RUNTIME).

    Args:
        where: the value's place, for the error.

    Raises:
        ConfigurationError: a value without one canonical form (a set, a function, NaN, any other object).
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        names = [name for name, field in fields.items() if RUNTIME not in field.metadata]
        return {name: canonical(getattr(value, name), f"{where}.{name}") for name in names}
    if isinstance(value, Mapping):
        # JSON would write the key 1 as "1", and two configurations would have one version.
        not_text = next((key for key in value if not isinstance(key, str)), None)
        if not_text is not None:
            raise ConfigurationError(f"{where} has the key {not_text!r}; keys are text: write it in quotes")
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
    """Sixteen hexadecimal digits. These are 64 bits: two of a million artefacts collide with probability 3e-8."""
    text = json.dumps([stage, stage_version, config, dict(sorted(inputs.items()))], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
