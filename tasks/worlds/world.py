"""What the pipeline asks of a simulated world. Built in are `desk` and `library`; your own is a module with a `WORLD`.

A world is deterministic: equal tasks and equal actions give equal messages, states and outcomes, on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas.chat import Action, Message, ToolSchema
from tasks.modules import user_code

BUILT_IN: Mapping[str, str] = {"desk": "tasks.worlds.desk", "library": "tasks.worlds.library"}


class Episode(Protocol):
    """One task under way. `messages` is what the policy sees; it ends with a user message or tool results."""

    messages: list[Message]
    done: bool

    def step(self, action: Action) -> None:
        """Append the assistant's message, then the tool results or the scripted user's reply. May set `done`.

        A call that a tool refuses gives an error as its result, never an exception.
        """
        ...

    def digest(self) -> str:
        """A hash of the world's whole mutable state: equal digests, equal worlds."""
        ...

    def copy(self) -> Episode:
        """An episode in the same state that goes on by itself. Both may share what neither changes."""
        ...

    def success(self) -> bool:
        """Whether the world is in the state that the task asks for, and what it wants said was said."""
        ...


class World(Protocol):
    """A family of tasks with one set of tools."""

    name: str
    tools: tuple[ToolSchema, ...]

    def task_ids(self, split: str, n: int, seed: int) -> Sequence[str]:
        """`n` task ids of the split "train" or "test". The two never share a task."""
        ...

    def start(self, task_id: str) -> Episode:
        """A new episode, with the system prompt and the user's first message already there."""
        ...

    def replay(self, task_id: str, messages: Sequence[Message]) -> Episode:
        """The episode as it stood after `messages`, by executing the assistant's actions in them again."""
        ...

    def demonstrate(self, task_id: str, seed: int) -> list[Message]:
        """A successful episode by the scripted expert. `seed` chooses among equivalent right moves."""
        ...


def load(name: str) -> World:
    """The world of that name: a built-in one, or a module path with a `WORLD`.

    Raises:
        ConfigurationError: no such world.
    """
    problem = f"world {name!r}: not built in ({', '.join(BUILT_IN)}) and not a module with a WORLD"
    world: World = user_code(BUILT_IN.get(name, name), "WORLD", problem)
    return world
