"""Code of the user's that a configuration names: a reader, a verifier, a world."""

from __future__ import annotations

import importlib
from typing import Any

from tasks.errors import ConfigurationError


def user_code(module: str, attribute: str, problem: str) -> Any:
    """The attribute of the module, imported.

    Args:
        problem: the beginning of the error's text: whose setting it is, and what it names.

    Raises:
        ConfigurationError: there is no such module or attribute.
    """
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{problem}: {error}; a module must be installed, or lie in the working folder or on PYTHONPATH"
        ) from error
