"""From a completion to an action, in a format by name or with a function of the user's."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.chat import Action, ToolCall, ToolSchema
from tasks.errors import ConfigurationError
from tasks.modules import user_code
from tasks.policy.parsing.completion import Completion, Format, Malformed, ParseFailure, ParseReason
from tasks.policy.parsing.formats import FORMATS, REASONING_MARKS
from tasks.policy.parsing.json_text import json_text
from tasks.policy.parsing.reasoning import answer_start, split_reasoning


@dataclass(frozen=True, slots=True)
class Parser:
    """Completion text to action, in one format."""

    name: str
    format: Format
    reasoning_limited: bool = False
    """Whether reasoning has a length limit of its own, so that a completion that was cut off within it says so."""

    def __call__(
        self, text: str, *, tools: tuple[ToolSchema, ...] = (), finished: bool = True, prompt: str | None = None
    ) -> Completion:
        """The action in a completion, or why there is none.

        Args:
            text: the completion without its end-of-turn token.
            tools: the state's tools; formats that write arguments as plain text take their types from there.
            finished: False when the sampler stopped at its length limit; such a completion is no action.
            prompt: the prompt, or its end: it may have opened reasoning. None where it is not known.
        """
        if not finished and self.reasoning_limited and answer_start(text, REASONING_MARKS, prompt or "") is None:
            return ParseFailure(ParseReason.OVERLONG_REASONING, f"no answer after {len(text)} characters of reasoning")
        if not finished:
            return ParseFailure(ParseReason.TRUNCATED, f"stopped at the length limit after {len(text)} characters")
        try:
            if self.format.split:
                reasoning, rest = self.format.split(text)
            else:
                reasoning, rest = split_reasoning(text, self.format.reasoning, prompt)
            content, calls = self.format.read(rest, tools)
        except Malformed as malformed:
            return malformed.failure
        return Action(content=content.strip(), reasoning=reasoning, tool_calls=tuple(calls))


def parser_for(name: str) -> Parser:
    """The parser of a format, or a function of the user's.

    Raises:
        ConfigurationError: no such format, module or function.
    """
    if ":" in name:
        return Parser(name, Format(_users_read(name), REASONING_MARKS))
    if name not in FORMATS:
        raise ConfigurationError(
            f"score.parser {name!r}: no such format; there are {', '.join(FORMATS)}, and module:function for your own"
        )
    return Parser(name, FORMATS[name])


def parser_identity(name: str) -> str:
    """What enters the version of an artefact: the name, and of a user's function the code of its module too."""
    if ":" not in name:
        return name
    module, _, attribute = name.partition(":")
    function = user_code(module, attribute, f"score.parser {name!r} cannot be imported")
    code = inspect.getsource(inspect.getmodule(function) or function)
    return f"{name} {hashlib.sha256(code.encode()).hexdigest()[:16]}"


def _users_read(name: str) -> Callable[[str, tuple[ToolSchema, ...]], tuple[str, list[ToolCall]]]:
    """A user's own reader of completions: `read(text, tools) -> (text around the calls, [(tool, arguments), ...])`.

    It gets the completion without its reasoning. What it raises makes that completion malformed.
    """
    module, _, attribute = name.partition(":")
    function = user_code(module, attribute, f"score.parser {name!r} cannot be imported")
    if not callable(function):
        raise ConfigurationError(f"score.parser {name!r} is not a function")

    def read(text: str, tools: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
        try:
            content, calls = function(text, [dict(tool) for tool in tools])
            return str(content), [_users_call(i, *call) for i, call in enumerate(calls)]
        except Exception as error:  # not our code: one completion of a million must not end the stage
            raise Malformed(ParseReason.NOT_A_CALL, f"{name}: {type(error).__name__}: {error}"[:400]) from error

    return read


def _users_call(position: int, tool: str, arguments: Mapping[str, Any]) -> ToolCall:
    return ToolCall(id=f"call_{position}", name=str(tool), arguments=json_text(dict(arguments)))
