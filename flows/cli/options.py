"""What several commands share: their options, the store that they open, and how they answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from cyclopts import Token

    from tasks.store.store import Store


def integer(type_: type, tokens: tuple[Token, ...]) -> int:
    """A whole number."""
    text = tokens[0].value
    try:
        return int(text)  # Cyclopts would round 2.5, and read 0x10
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def count(type_: type, tokens: tuple[Token, ...]) -> int:
    """A number of rows or states."""
    number = integer(type_, tokens)
    if number < 0:
        raise ValueError(f"{number} is less than 0")
    return number


ConfigName = Annotated[str, Parameter(help="PRESET|FILE.yaml")]
Settings = Annotated[tuple[str, ...], Parameter(name="--set", metavar="KEY=VALUE", help="change one key")]
StoreURL = Annotated[
    str | None,
    Parameter(name="--store", metavar="URL", help="the artefacts' root (default PIVOTRL_STORE, or .pivotrl/store)"),
]
AsJSON = Annotated[bool, Parameter(name="--json", help="one JSON object on standard output")]


def open_store(url: str | None) -> Store:
    """The store of `--store`, else of the environment, else the default one.

    Raises:
        ConfigurationError: the URL is empty, or none of a store.
    """
    from flows.settings.configuration import default_store
    from schemas.locations import DEFAULT_STORE
    from tasks.errors import ConfigurationError
    from tasks.store.store import Store

    if url == "":
        raise ConfigurationError("--store is empty: give a path or an fsspec URL, or leave it out")
    return Store(url or default_store() or DEFAULT_STORE)


def output_path(name: str) -> Path:
    """The file of `--output`.

    Raises:
        ConfigurationError: its folder is not there, or it is a folder itself.
    """
    from tasks.errors import ConfigurationError

    path = Path(name)
    if not path.parent.is_dir():
        raise ConfigurationError(f"--output {name}: there is no folder {path.parent}")
    if path.is_dir():
        raise ConfigurationError(f"--output {name} is a folder: name a file in it")
    return path


def answer(result: dict[str, Any], text: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    """Print the result as one JSON object, or as its text for a person."""
    print(json.dumps(result, ensure_ascii=False, default=str) if as_json else text(result))
