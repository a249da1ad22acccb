"""The table of formats, and from a completion to an action in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.chat import Action, ToolSchema
from tasks.errors import ConfigurationError
from tasks.policy.parsing import hermes, llama3, mistral, qwen3_coder, terminus
from tasks.policy.parsing.completion import Completion, Format, Malformed, ParseFailure, ParseReason
from tasks.policy.parsing.reasoning import split_reasoning

FORMATS: Mapping[str, Format] = {
    "hermes": hermes.FORMAT,
    "qwen3_coder": qwen3_coder.FORMAT,
    "llama3_json": llama3.FORMAT,
    "mistral": mistral.FORMAT,
    "terminus": terminus.FORMAT,
}
_MARKS = (
    ("<function=", "qwen3_coder"),
    ("<tool_call>", "hermes"),
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
    ("<|start_header_id|>", "llama3_json"),
)
"""What a chat template writes around calls, the most telling first: Qwen3-Coder's templates have Hermes's mark too."""


@dataclass(frozen=True, slots=True)
class Parser:
    """Completion text to action, in one format."""

    name: str

    def __call__(
        self, text: str, *, tools: tuple[ToolSchema, ...] = (), finished: bool = True, prompt: str | None = None
    ) -> Completion:
        """The action in a completion, or why there is none; never raises.

        Args:
            text: the completion without its end-of-turn token.
            tools: the state's tools; formats that write arguments as plain text take their types from there.
            finished: False when the sampler stopped at its length limit; such a completion is no action.
            prompt: the prompt, or its end: it may have opened reasoning. None where it is not known.
        """
        if not finished:
            return ParseFailure(ParseReason.TRUNCATED, f"stopped at the length limit after {len(text)} characters")
        try:
            format_ = FORMATS[self.name]
            reasoning, rest = format_.split(text) if format_.split else split_reasoning(text, format_.reasoning, prompt)
            content, calls = format_.read(rest, tools)
        except Malformed as malformed:
            return malformed.failure
        return Action(content=content.strip(), reasoning=reasoning, tool_calls=tuple(calls))


def parser_for(name_or_template: str) -> Parser:
    """The parser of a format, by the format's name or by a chat template that writes it.

    Raises:
        ConfigurationError: a template that shows no known format; the text says how to name one.
    """
    name = name_or_template if name_or_template in FORMATS else template_format(name_or_template)
    if name:
        return Parser(name)
    what = f"{name_or_template!r}" if len(name_or_template) < 40 else "the policy's chat template"
    raise ConfigurationError(
        f"{what} shows no known format of tool calls; name the format: score.parser is one of {', '.join(FORMATS)}"
    )


def template_format(template: str) -> str:
    """The name of the format that a chat template writes; "" for an unknown one."""
    return next((name for mark, name in _MARKS if mark in template), "")
