"""Which format a policy writes, and which parts of a conversation its template does not show.

Both are found by behaviour. A short exchange of words that stand nowhere else is rendered. What the template writes for
an action is read back in every known format, and the format that gives the same action is the policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.chat import Action, FunctionSchema, Message, Role, ToolCall, ToolSchema, as_message, message
from tasks.errors import ConfigurationError, InputError
from tasks.policy.parsing import FORMATS, Parser, differences, parser_for
from tasks.policy.template import ChatTemplate

_TOOL = ToolSchema(
    type="function",
    function=FunctionSchema(
        name="zqlook",
        description="Looks zqdeep.",
        parameters={
            "type": "object",
            "properties": {"zqplace": {"type": "string"}, "zqdays": {"type": "integer"}},
            "required": ["zqplace"],
        },
    ),
)
_QUESTION = message(Role.USER, "Is it zqraining?")
_CALL = ToolCall(id="call-0", name="zqlook", arguments='{"zqplace": "zqoslo", "zqdays": 3}')
_THOUGHT, _BESIDE, _RESULT, _ANSWER, _SYSTEM = "zqthought", "zqbeside", "zqresult", "No, it is zqdry.", "zqsystem"

CALL = Action(tool_calls=(_CALL,))
MESSAGE = Action(_ANSWER)


@dataclass(frozen=True, slots=True)
class Probe:
    """Which formats read back the actions that a template writes."""

    formats: tuple[str, ...]
    """Those that give the call and the message as they were."""
    problem: str
    """Why no format reads the call back; "" where one does."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What the template writes for an action of the exchange, after this prompt."""

    action: Action
    prompt: str
    text: str

    def read_back_by(self, parser: Parser) -> bool:
        completion = parser(self.text, tools=(_TOOL,), prompt=self.prompt)
        return not differences(self.action, completion)

    def sentence(self) -> str:
        what = "call" if self.action.tool_calls else "message"
        return f"after {self.prompt[-20:]!r} it writes a {what} as {self.text.strip()[:200]!r}"


def probe(template: ChatTemplate) -> Probe:
    """Render the exchange, and read it back."""
    call, message_ = _written(template, CALL), _written(template, MESSAGE)
    formats: tuple[str, ...] = ()
    if isinstance(call, str) or isinstance(message_, str):
        problem = call if isinstance(call, str) else str(message_)
    else:
        parsers = [parser_for(name) for name, format_ in FORMATS.items() if format_.calls]
        reading_calls = [parser for parser in parsers if call.read_back_by(parser)]
        formats = tuple(parser.name for parser in reading_calls if message_.read_back_by(parser))
        unread = message_ if reading_calls else call
        problem = "" if formats else f"{unread.sentence()}, which no known format reads"
    return Probe(formats, problem)


def find_parser(template: ChatTemplate, name: str) -> Parser:
    """The parser of that name, or the policy's own for "auto": the first in the table of formats that is.

    Raises:
        ConfigurationError: it does not read what the template writes; of "auto", none does.
    """
    if name != "auto":
        parser = parser_for(name)
        # What is read as text alone needs no call. A run's check reads every demonstration.
        if not parser.format.calls:
            return parser
        written = [_written(template, action) for action in (CALL, MESSAGE)]
        if all(isinstance(one, _Written) and one.read_back_by(parser) for one in written):
            return parser
        own = probe(template)
        why = own.problem or next(
            one.sentence() for one in written if isinstance(one, _Written) and not one.read_back_by(parser)
        )
        raise ConfigurationError(
            f"score.parser {name!r} does not read what the policy's chat template writes: {why}"
            + (f"; take {' or '.join(own.formats)}, or auto" if own.formats else "")
        )
    found = probe(template)
    if found.formats:
        return parser_for(found.formats[0])
    raise ConfigurationError(
        f"score.parser is auto, and the policy's chat template shows no known format of tool calls: {found.problem}. "
        f"Known are {', '.join(FORMATS)}; module:function names a reader of your own, and none stands for data "
        "without calls"
    )


def _written(template: ChatTemplate, action: Action) -> _Written | str:
    """What the template writes for the action, or why it writes none."""
    what = "a tool call" if action.tool_calls else "a message"
    try:
        prompt = template.text([_QUESTION], [_TOOL])
        written = template.action_text([_QUESTION], [_TOOL], action)
    except InputError as error:
        return f"it refuses {what} of the assistant ({error})"
    if written.problem:
        return f"for {what}, {written.problem}"
    word = "zqoslo" if action.tool_calls else _ANSWER
    return (
        _Written(action, prompt, written.text) if word in written.text else f"it does not write {what} of the assistant"
    )


def parts_not_shown(template: ChatTemplate) -> tuple[str, ...]:
    """The parts of a conversation that a template does not show or refuses, in words."""
    call, result = as_message(CALL), message(Role.TOOL, _RESULT, tool_call_id="call-0", name="zqlook")
    beside: Message = {**call, "content": _BESIDE}
    second = ToolCall(id="call-1", name="zqlook", arguments='{"zqplace": "zqrome"}')
    both: Message = {**call, "tool_calls": [_CALL, second]}
    results = [result, message(Role.TOOL, _RESULT, tool_call_id="call-1", name="zqlook")]
    thought: Message = {**call, "reasoning": _THOUGHT}
    question = _QUESTION
    parts: Mapping[str, tuple[list[Message], list[ToolSchema], str]] = {
        "system messages": ([message(Role.SYSTEM, _SYSTEM), question], [], _SYSTEM),
        "tools": ([question], [_TOOL], "zqlook"),
        "descriptions of tools": ([question], [_TOOL], "zqdeep"),
        "parameters of tools": ([question], [_TOOL], "zqdays"),
        "earlier calls": ([question, call, result], [_TOOL], "zqoslo"),
        "results of tools": ([question, call, result], [_TOOL], _RESULT),
        "several calls in a turn": ([question, both, *results], [_TOOL], "zqrome"),
        "text beside a call": ([question, beside, result], [_TOOL], _BESIDE),
        "reasoning": ([question, thought, result], [_TOOL], _THOUGHT),
    }
    return tuple(
        part
        for part, (messages, tools, word) in parts.items()
        if word not in _text_or_nothing(template, messages, tools)
    )


def _text_or_nothing(template: ChatTemplate, messages: list[Message], tools: list[Any]) -> str:
    try:
        return template.text(messages, tools)
    except InputError:
        return ""
