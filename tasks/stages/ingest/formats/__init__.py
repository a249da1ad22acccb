"""How a record becomes an episode: by one of the formats, each a file here, or by a reader of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast, get_args

from schemas.config import IngestFormat
from schemas.rejects import RejectReason
from tasks.errors import ConfigurationError
from tasks.modules import user_code
from tasks.stages.ingest.episode import Episode, Rejected


class Format(Protocol):
    """The two functions of each file here."""

    def recognises(self, value: Any) -> bool:
        """Whether a JSON value is a record of this format; never raises."""
        ...

    def read(self, value: Any) -> Episode:
        """The episode of a record that `recognises` takes.

        Raises:
            Rejected: what in the record cannot be taken.
        """
        ...


FORMATS: Mapping[str, Format] = {
    name: cast(Format, import_module(f"{__name__}.{name}")) for name in get_args(IngestFormat)
}
"""By name, in the order in which `auto` tries them."""


def read(value: Any, format_name: str = "auto") -> tuple[str, Episode]:
    """(format, episode) of one record; `auto` finds the format by content.

    Raises:
        Rejected: unknown_format, or what the format cannot take.
    """
    if format_name != "auto":
        if not FORMATS[format_name].recognises(value):
            raise Rejected(RejectReason.UNKNOWN_FORMAT, f"not a record of format {format_name}: {_shape(value)}")
        return format_name, FORMATS[format_name].read(value)
    for name, candidate in FORMATS.items():
        if candidate.recognises(value):
            return name, candidate.read(value)
    raise Rejected(
        RejectReason.UNKNOWN_FORMAT, f"no reader recognises this: {_shape(value)}; known are {', '.join(FORMATS)}"
    )


def users_reader(name: str) -> Callable[[Any], Any]:
    """A user's own reader, named `module:function`. It takes one JSON value and returns one record in the OpenAI form
    (openai.py).

    Raises:
        ConfigurationError: the name has another form, or there is no such function.
    """
    module_name, _, function_name = name.partition(":")
    problem = f"ingest.reader {name!r}: not a function named as module:function"
    function = user_code(module_name, function_name, problem)
    if not callable(function):
        raise ConfigurationError(f"ingest.reader {name!r}: not a function")
    reader: Callable[[Any], Any] = function
    return reader


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "an object with the keys " + ", ".join(str(key)[:40] for key in list(value)[:12])
    if isinstance(value, list):
        return f"a list of {len(value)}" + (f" {type(value[0]).__name__}s" if value else "")
    return f"a {type(value).__name__}"
