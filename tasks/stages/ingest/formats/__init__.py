"""The formats: for each, how to recognise a record of it and how to read one. A new format is a file here and a line
below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.rejects import RejectReason
from tasks.errors import ConfigurationError
from tasks.modules import user_code
from tasks.stages.ingest.episode import Episode, Rejected
from tasks.stages.ingest.formats import openai, openhands, responses, sharegpt, swe_agent, tau2, toolbench, tooltalk


class Format(NamedTuple):
    """How records of a format are told from others, and read."""

    recognises: Callable[[Any], bool]
    read: Callable[[Any], Episode]


FORMATS: Mapping[str, Format] = {
    "responses": Format(responses.recognises, responses.read),
    "toolbench": Format(toolbench.recognises, toolbench.read),
    "swe_agent": Format(swe_agent.recognises, swe_agent.read),
    "openhands": Format(openhands.recognises, openhands.read),
    "tau2": Format(tau2.recognises, tau2.read),
    "tooltalk": Format(tooltalk.recognises, tooltalk.read),
    "sharegpt": Format(sharegpt.recognises, sharegpt.read),
    "openai": Format(openai.recognises, openai.read),
}
"""By name, the most telling first: a tau^2 simulation is also a list of chat messages."""


def read(value: Any, format_name: str = "auto") -> tuple[str, Episode]:
    """(format, episode) of one record; `auto` finds the format by content.

    Raises:
        Rejected: unknown_format, or what the reader found wrong.
    """
    if format_name != "auto":
        if not FORMATS[format_name].recognises(value):
            raise Rejected(RejectReason.UNKNOWN_FORMAT, f"not a record of format {format_name}: {_shape(value)}")
        return format_name, FORMATS[format_name].read(value)
    for name, found in FORMATS.items():
        if found.recognises(value):
            return name, found.read(value)
    raise Rejected(
        RejectReason.UNKNOWN_FORMAT, f"no reader recognises this: {_shape(value)}; known are {', '.join(FORMATS)}"
    )


def users_reader(name: str) -> Callable[[Any], Any]:
    """A user's own reader, named `module:function`: from one JSON value to one record in the OpenAI form
    (readers/openai.py).

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
