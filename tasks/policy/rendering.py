"""The prompts of many states, each trajectory rendered and tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.chat import State
from tasks.children.progress import alive
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat


@dataclass(frozen=True, slots=True)
class Rendered:
    """Prompt token ids a state, None where the template refused it; how many states shared no prefix with their
    trajectory; and what the template said of the first that it refused, empty where it refused none."""

    prompts: list[list[int] | None]
    rewritten: int
    refusal: str = ""


def render(chat: ChatFormat, states: Sequence[State]) -> Rendered:
    """The prompt of each state, in order. States of a trajectory must stand together, as every stage reads them."""
    prompts: list[list[int] | None] = []
    rewritten, refusal = 0, ""
    for _, group in groupby(states, key=lambda state: state.trajectory_id):
        together = list(group)
        longest = max(together, key=lambda state: len(state.messages))
        alive()
        try:
            found = chat.prompts(longest.messages, longest.tools, [len(state.messages) for state in together])
        except InputError as error:
            refusal = refusal or str(error)
            prompts.extend(_one(chat, state) for state in together)
            continue
        prompts.extend(found.token_ids)
        rewritten += found.rewritten
    return Rendered(prompts, rewritten, refusal)


def _one(chat: ChatFormat, state: State) -> list[int] | None:
    try:
        return chat.encode(chat.text(state.messages, state.tools))
    except InputError:
        return None
