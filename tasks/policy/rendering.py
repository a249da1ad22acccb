"""The prompts of many states; each trajectory is tokenised once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from schemas.chat import Action, State, ToolCall
from tasks.children.progress import alive
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import Completion, ParseFailure
from tasks.states.example import Example


@dataclass(frozen=True, slots=True)
class StatePrompts:
    """The prompts of states, in order."""

    prompts: list[list[int] | None]
    """Token ids per state; None where the template refused it."""
    prefills: list[str]
    """Per state what its prompt already holds of the action, as text."""
    rewritten: int
    """States whose prompt is no prefix of their trajectory."""
    refusal: str = ""
    """What the template said of the first state that it refused; "" for none."""


def render(chat: ChatFormat, states: Sequence[State]) -> StatePrompts:
    """The prompt of each state. The states of a trajectory must stand together, as every stage reads them."""
    prompts: list[list[int] | None] = []
    prefills: list[str] = []
    rewritten, refusal = 0, ""
    for _, group in groupby(states, key=lambda state: state.trajectory_id):
        together = list(group)
        longest = max(together, key=lambda state: len(state.messages))
        alive()
        try:
            rendered = chat.prompts(longest.messages, longest.tools, [len(state.messages) for state in together])
        except InputError as error:
            # One refused state must not take its neighbours along.
            refusal = refusal or str(error)
            for state in together:
                prompt, prefill = _prompt_alone(chat, state)
                prompts.append(prompt)
                prefills.append(prefill)
            continue
        prompts.extend(rendered.token_ids)
        prefills.extend(rendered.prefills)
        rewritten += rendered.rewritten
    return StatePrompts(prompts, prefills, rewritten, refusal)


def _prompt_alone(chat: ChatFormat, state: State) -> tuple[list[int] | None, str]:
    try:
        alone = chat.prompts(state.messages, state.tools, [len(state.messages)])
    except InputError:
        return None, ""
    return alone.token_ids[0], alone.prefills[0]


@dataclass(frozen=True, slots=True)
class OwnText:
    """A demonstration as the policy would write it, and how it is read back. `problem` says why there is none."""

    text: str = ""
    completion: Completion | None = None
    problem: str = ""

    def complete_text(self, demonstration: Action) -> str | None:
        """The text; None where the template leaves out a part of the demonstration.

        A text that is read back with another value, or not at all, is complete: no parser could tell the value from
        what is written.
        """
        if self.completion is None:
            return None
        read = self.completion
        is_complete = isinstance(read, ParseFailure) or (
            read.content.strip() == demonstration.content.strip()
            and list(map(_shape, read.tool_calls)) == list(map(_shape, demonstration.tool_calls))
        )
        return self.text if is_complete else None


def write_demonstration(chat: ChatFormat, example: Example) -> OwnText:
    """Write the demonstration of a rendered example as the policy would, and read it."""
    state = example.state
    try:
        written = chat.template.action_text(state.messages, state.tools, example.demonstration)
    except InputError as error:
        return OwnText(problem=str(error))
    if written.problem:
        return OwnText(problem=written.problem)
    return OwnText(written.text, chat.parser(written.text, tools=state.tools, prompt=example.prefill))


def render_examples(chat: ChatFormat, examples: Sequence[Example]) -> tuple[list[Example], str]:
    """The examples with their prompts and own texts; one whose state the template refuses stays as it was. And what the
    template said of the first that it refused, "" where it refused none."""
    rendered = render(chat, [example.state for example in examples])
    complete = []
    for example, prompt, prefill in zip(examples, rendered.prompts, rendered.prefills, strict=True):
        if prompt is not None:
            example = replace(example, prompt=prompt, prefill=prefill)
            own_text = write_demonstration(chat, example).complete_text(example.demonstration)
            example = replace(example, own_text=own_text)
        complete.append(example)
    return complete, rendered.refusal


def _shape(call: ToolCall) -> tuple[str, list[str]]:
    """The tool, and the names of the arguments."""
    try:
        arguments = json.loads(call["arguments"])
    except ValueError:
        arguments = {}
    return call["name"], sorted(arguments) if isinstance(arguments, dict) else []
