"""The prompts of many states; each trajectory is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.chat import State
from tasks.children.progress import alive
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat


@dataclass(frozen=True, slots=True)
class StatePrompts:
    """The prompts of states, in order."""

    prompts: list[list[int] | None]
    """Token ids per state; None where the template refused it."""
    rewritten: int
    """States whose prompt is no prefix of their trajectory."""
    refusal: str = ""
    """What the template said of the first state that it refused; "" for none."""


def render(chat: ChatFormat, states: Sequence[State]) -> StatePrompts:
    """The prompt of each state. The states of a trajectory must stand together, as every stage reads them."""
    prompts: list[list[int] | None] = []
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
            prompts.extend(_prompt_alone(chat, state) for state in together)
            continue
        prompts.extend(rendered.token_ids)
        rewritten += rendered.rewritten
    return StatePrompts(prompts, rewritten, refusal)


def _prompt_alone(chat: ChatFormat, state: State) -> list[int] | None:
    try:
        return chat.encode(chat.text(state.messages, state.tools))
    except InputError:
        return None
