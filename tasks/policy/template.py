"""A chat template: messages to text, and the text that the policy would have to write for an action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from schemas.chat import Action, Message, Role, ToolCall, ToolSchema, as_message, message
from tasks.errors import InputError
from tasks.policy.conventions import CALL, TOOL, Conventions, find_conventions
from tasks.policy.parsing import REASONING_MARKS, prefill

PINNED_DATE = "2024-07-26"
"""What templates that print today's date print instead, unless the options name another `date`. With today's own no
artefact would be found again tomorrow. It is the date that Llama's templates fall back on."""


@dataclass(frozen=True, slots=True)
class ActionText:
    """What a policy writes for an action after the state's prompt. `end` is the stop token that ends it, as text.

    `problem` says why there is none; then the others are "".
    """

    text: str = ""
    end: str = ""
    problem: str = ""


class ChatTemplate:
    """The chat template of a tokenizer.

    Args:
        tokenizer: it has a chat template.
        stops: the stop tokens as text, none twice.
        options: variables of the template, such as enable_thinking; `date` (ISO) is what templates print as today.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], options: Mapping[str, Any] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self.stops = tuple(stops)
        variables = dict(options or {})
        today = date.fromisoformat(str(variables.pop("date", PINNED_DATE)))
        # A variable hides the function of the same name that transformers gives to every template.
        self._variables = {"strftime_now": today.strftime, **variables}

    @cached_property
    def conventions(self) -> Conventions:
        """In which form the template wants messages."""
        return find_conventions(self._render_or_none)

    def reads(self, variable: str) -> bool:
        """Whether the template has a variable of that name."""
        return re.search(rf"\b{re.escape(variable)}\b", str(self._tokenizer.chat_template)) is not None

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSchema], *, prompt: bool = True) -> str:
        """The template's rendering. With `prompt` it ends where the next action begins.

        Raises:
            InputError: the template refuses these messages.
        """
        return self._render(self.conventions.messages(messages), tools, prompt)

    def _render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[ToolSchema], prompt: bool) -> str:
        try:
            rendered = self._tokenizer.apply_chat_template(
                [dict(m) for m in messages],
                tools=[dict(t) for t in tools] or None,
                add_generation_prompt=prompt,
                tokenize=False,
                **self._variables,
            )
        except Exception as error:  # a template is a program of the model's author: it may raise anything
            raise InputError(f"the chat template refuses these {len(messages)} messages: {error}") from error
        return str(rendered)

    def _render_or_none(self, messages: Sequence[Mapping[str, Any]], prompt: bool) -> str | None:
        try:
            return self._render(messages, [TOOL], prompt)
        except InputError:
            return None

    def action_text(self, messages: Sequence[Message], tools: Sequence[ToolSchema], action: Action) -> ActionText:
        """What the policy would write for `action` at the state, up to the stop token.

        Raises:
            InputError: the template refuses these messages.
        """
        held = next((stop for stop in self.stops if any(stop in text for text in _texts(action))), "")
        if held:
            return ActionText(problem=f"it holds the stop token {held}, at which sampling would end")
        prompt = self.text(messages, tools)
        continued = self.text([*messages, as_message(action)], tools, prompt=False)
        written = continuation(prompt, continued, action.reasoning)
        if written is None:
            written = self._after_other_prompt(messages, tools, action, prompt, continued)
        if written is None:
            shared = _shared_length(prompt, continued)
            before, after = prompt[shared:][:80], continued[shared:][:80]
            return ActionText(
                problem=f"the template rewrites the prompt where an action follows it: {before!r} becomes {after!r}"
            )
        found = [(at, stop) for stop in self.stops if (at := written.find(stop)) >= 0]
        if found:
            at, stop = min(found)
            return ActionText(written[:at], stop)
        end = self._ends[bool(action.tool_calls)]
        if not end:
            return ActionText(
                problem=f"the template ends the action with {written.strip()[-20:]!r}, and the model's stop tokens are "
                f"{' '.join(self.stops)}: name the token that ends a turn in eos_token_id of generation_config.json"
            )
        return ActionText(written, end)

    def _after_other_prompt(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema], action: Action, prompt: str, continued: str
    ) -> str | None:
        """The action's text where its rendering does not begin with the prompt; None where the two do not fit."""
        other = self.text([*messages, as_message(_other(action))], tools, prompt=False)
        if rewritten := rewritten_prompt(prompt, continued, other):
            return continuation(rewritten, continued, action.reasoning)
        history = self.text(messages, tools, prompt=False)
        same_turn = messages[-1]["role"] == Role.TOOL  # Apertus opens another after a result, but only in a prompt
        if same_turn and prompt.startswith(history) and continued.startswith(history):
            return continued[len(history) :]
        return None

    @cached_property
    def _ends(self) -> dict[bool, str]:
        """The first stop token between an action and the next message, by whether the action calls a tool; "" for none.

        GLM ends an action with the mark of the next role: `<|user|>` or `<|observation|>`.
        """
        return {calls: self._end(calls) for calls in (False, True)}

    def _end(self, calls: bool) -> str:
        action = message(Role.ASSISTANT, "" if calls else "No.", tool_calls=[CALL] if calls else [])
        word, tool = "zqsunny", CALL["name"]
        following = message(Role.TOOL, word, tool_call_id=CALL["id"], name=tool) if calls else message(Role.USER, word)
        question = message(Role.USER, "Is it raining?")
        try:
            prompt = self.text([question], [TOOL])
            followed = self.text([question, action, following], [TOOL], prompt=False)
        except InputError:
            return ""
        between = followed[_shared_length(prompt, followed) :].partition(word)[0]
        return min((stop for stop in self.stops if stop in between), key=between.find, default="")


def continuation(prompt: str, continued: str, reasoning: str) -> str | None:
    """What follows a prompt in the rendering that has the action too; None where the prompt is rewritten.

    Templates of thinking models end a prompt with reasoning that they open, or open and close, and render a recorded
    action with another beginning. Then this is what comes after the prompt's own beginning.

    Args:
        reasoning: the action's, for templates that do not show it.
    """
    shared = _shared_length(prompt, continued)
    begun = prefill(prompt, REASONING_MARKS)
    start = len(prompt) - len(begun)
    whole = not prompt[shared:].strip()  # `<think>` and a line's end, of an action rendered as `<think></think>`, say
    if not whole and (not begun or shared < start):
        return None
    for opened, closed in REASONING_MARKS:
        if begun.strip() == opened.strip():
            action = continued[shared if whole else start :]
            thought, mark, _ = action.partition(closed)
            has_thought = mark and (whole or thought.strip() in ("", reasoning.strip()))
            return action if has_thought else f"{reasoning}\n{closed}\n\n{action.lstrip()}"
        marks = opened.strip(), closed.strip()
        if not whole and begun.strip().startswith(marks) and begun.strip().endswith(closed.strip()):
            action = continued[start:]
            thought, mark, rest = action.partition(closed)
            has_thought = mark and (not thought.strip() or thought.lstrip().startswith(opened.strip()))
            return rest if has_thought else action
    return continued[shared:] if whole else None


_SHORTEST = 8
"""How many characters of a prompt's end must be found again. Marks of other roles end in fewer that are the same."""


def rewritten_prompt(prompt: str, continued: str, other: str) -> str:
    """The prompt as it stands where an action follows it, of a template that then writes the history in another way.

    gpt-oss's drops the reasoning before a final answer. The prompt ends as it did, before the two renderings part.

    Args:
        continued: the rendering with the action.
        other: the rendering with another action.

    Returns:
        "" where the prompt's end is not found.
    """
    begun = prefill(prompt, REASONING_MARKS)
    prompt = prompt[: len(prompt) - len(begun)]
    changed = _shared_length(prompt, continued)
    history = continued[: _shared_length(continued, other)]

    def end(length: int) -> int:
        found = history.rfind(prompt[-length:])
        return found + length if found >= 0 else 0

    low, high = _SHORTEST, len(prompt)
    if end(low) <= changed:
        return ""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if end(middle) > changed else (low, middle - 1)
    return history[: end(low)] + begun


def _texts(action: Action) -> Iterator[str]:
    """Whatever of an action is written as text."""
    yield from (action.content, action.reasoning)
    for call in action.tool_calls:
        yield from (call["name"], call["arguments"])


def _other(action: Action) -> Action:
    """An action of the same parts that is another from each part's first character on."""
    calls = [ToolCall(id=c["id"], name=f"~{c['name']}", arguments=c["arguments"]) for c in action.tool_calls]
    content, reasoning = (f"~{text}" if text else "" for text in (action.content, action.reasoning))
    return Action(content, reasoning, tuple(calls))


def _shared_length(a: str, b: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low
