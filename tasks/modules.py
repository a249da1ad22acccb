"""Code of the user's, named in a configuration: a reader, a verifier, a world."""

from __future__ import annotations

import importlib
from typing import Any

from tasks.errors import ConfigurationError


def user_code(module: str, attribute: str, problem: str) -> Any:
    """What the module has under that name.

    Args:
        problem: begins the error's text: who asked, and for what.

    Raises:
        ConfigurationError: there is no such module, or it has no such name.
    """
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{problem}: {error}; a module must be installed, or lie in the working folder or on PYTHONPATH"
        ) from error
