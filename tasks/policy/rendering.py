"""The prompts of many states; each trajectory is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.chat import State
from tasks.children.progress import alive
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
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


def own_text(chat: ChatFormat, example: Example) -> str | None:
    """What the policy would write for the demonstration; None where the template writes it nowhere."""
    state = example.state
    try:
        written = chat.template.action_text(state.messages, state.tools, example.demonstration)
    except InputError:
        return None
    return None if written.problem else written.text
