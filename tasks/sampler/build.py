"""Start the sampling engine that `engine.kind` names.

README.md here says how to add one. Nothing else knows which engine it has.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from schemas.section import Engine
from tasks.sampler.sampler import Sampler


def start(folder: Path, settings: Engine, seed: int) -> Sampler:
    """An engine with the policy of a model folder.

    Args:
        seed: of the engine; each call of `Sampler.sample` has one of its own.

    Raises:
        InputError: the engine refuses the model.
    """
    # Imported here: an engine's module takes seconds to import, and only the one that is named may be installed.
    sampler: Sampler = import_module(f"tasks.sampler.{settings.kind}_engine").start(folder, settings, seed)
    return sampler
