"""A state with the action demonstrated there: what is sampled at, scored, trained on and evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.chat import Action, State


class StateKey(NamedTuple):
    """What identifies a state everywhere; as text `trajectory_id/turn_index`."""

    trajectory_id: str
    turn_index: int

    def __str__(self) -> str:
        return f"{self.trajectory_id}/{self.turn_index}"


@dataclass(frozen=True, slots=True)
class Example:
    """A state and the action that the trajectory recorded there.

    `split` says what the state is used for (schemas/states.py). The other three are empty until a chat template has
    rendered the state. `prompt` is the state as the policy reads it, in token ids. `prefill` is what the prompt already
    holds of the action: reasoning that it opens, say. `own_text` is the rest of the demonstration as the policy would
    write it.
    """

    state: State
    demonstration: Action
    split: str = ""
    prompt: Sequence[int] = ()
    prefill: str = ""
    own_text: str | None = None

    @property
    def key(self) -> StateKey:
        """What identifies the state."""
        return StateKey(self.state.trajectory_id, self.state.turn_index)

    @property
    def kind(self) -> str:
        """The demonstration's ActionKind."""
        return self.demonstration.kind.value

    @property
    def tool(self) -> str:
        """The demonstrated tools in order, joined by "+"; "" for a message."""
        return "+".join(call["name"] for call in self.demonstration.tool_calls)
