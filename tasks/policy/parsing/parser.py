"""The table of formats, and from a completion to an action in one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.chat import Action, ToolCall, ToolSchema
from tasks.errors import ConfigurationError
from tasks.policy.parsing import hermes, llama3, mistral, qwen3_coder, terminus
from tasks.policy.parsing.completion import Completion, Malformed, ParseFailure, ParseReason, quoted

Format = Callable[[str, tuple[ToolSchema, ...]], tuple[str, list[ToolCall]]]
"""From a completion without its reasoning to (text around the calls, calls). Raises Malformed."""

FORMATS: Mapping[str, Format] = {
    "hermes": hermes.read,
    "qwen3_coder": qwen3_coder.read,
    "llama3_json": llama3.read,
    "mistral": mistral.read,
    "terminus": terminus.read,
}
_MARKS = (
    ("<function=", "qwen3_coder"),
    ("<tool_call>", "hermes"),
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
    ("<|start_header_id|>", "llama3_json"),
)
"""What a chat template writes around calls, the most telling first: Qwen3-Coder's templates have Hermes's mark too."""
_REASONING = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))


@dataclass(frozen=True, slots=True)
class Parser:
    """Completion text to action, in one format."""

    name: str

    def __call__(self, text: str, *, tools: tuple[ToolSchema, ...] = (), finished: bool = True) -> Completion:
        """The action in a completion, or why there is none; never raises.

        Args:
            text: the completion without its end-of-turn token.
            tools: the state's tools; formats that write arguments as plain text take their types from there.
            finished: False when the sampler stopped at its length limit; such a completion is no action.
        """
        if not finished:
            return ParseFailure(ParseReason.TRUNCATED, f"stopped at the length limit after {len(text)} characters")
        try:
            reasoning, rest = _split_reasoning(text)
            content, calls = FORMATS[self.name](rest, tools)
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


def _split_reasoning(text: str) -> tuple[str, str]:
    """(reasoning, rest) of a completion."""
    for opened, closed in _REASONING:
        before, mark, rest = text.partition(closed)
        if not mark:
            before, rest = "", text
        # The opening mark may be missing: some templates write it at the end of the prompt.
        reasoning = before.strip().removeprefix(opened)
        if opened in rest or opened in reasoning or closed in rest:
            raise Malformed(ParseReason.UNCLOSED_REASONING, quoted(rest))
        if mark:
            return reasoning.strip(), rest
    return "", text
