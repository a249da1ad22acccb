"""A service desk as data: tables, tools, rules and words. `desk` and `library` are two values of `Service`.

A caller comes with one to three requests. Each is of one `Rule`, and one attribute decides it: of the object (an
order's status) or of the caller (a user's tier). There is one right outcome: a call and then words, or words alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from tasks.worlds.records import Record, Tables, Tool


@dataclass(frozen=True)
class Outcome:
    """How a request ends. Wordings and arguments may name {object}, {detail} and any field of the object."""

    wordings: tuple[str, ...]
    """What the agent may tell the caller; all say the same."""
    tool: str = ""
    """The call that comes before the words; "" for words alone."""
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A kind of request."""

    name: str
    requests: tuple[str, ...]
    """The caller's words, with {object} and {detail}."""
    allowed: Outcome
    refused: Outcome | None = None
    attribute: str = ""
    """The one field that decides; "" if the request is always allowed."""
    allows: str = ""
    """The attribute's value with which the request is allowed."""
    details: tuple[str, ...] = ("",)
    """What {detail} may be: a reason, a city, an item."""
    fact: str = ""
    """The field of the object that the caller must be told; "" if the words do not matter."""
    weight: int = 1
    """How often tasks ask this, relative to the other rules."""

    def outcome(self, caller: Record, item: Record) -> Outcome:
        """The right outcome for this caller and object."""
        attributes = {**caller, **item}
        if self.refused is None or attributes[self.attribute] == self.allows:
            return self.allowed
        return self.refused


@dataclass(frozen=True)
class Service:
    """A service desk: everything in which one world differs from another."""

    name: str
    instructions: str
    """The system prompt; it states the rules in words."""
    callers: str
    """The table of the people who call."""
    objects: str
    """The table of what they call about. Every caller's record lists its own under this name."""
    object_noun: str
    """As in "which order": the word for an object."""
    identities: Mapping[str, str]
    """Field of the caller's record that identifies, to its name in words."""
    lookups: Mapping[str, str]
    """Each of these fields, to the tool that finds the caller by it."""
    opener: str
    """The tool that shows an object."""
    tools: tuple[Tool, ...]
    rules: tuple[Rule, ...]
    tables: Callable[[Random], Tables]
    """Draws a fresh data set."""

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True)
class Request:
    """One thing the caller wants."""

    rule: Rule
    object_id: str
    detail: str
    wording: str
    names_object: bool
    """Whether the caller names the object at once, or only when asked."""


@dataclass(frozen=True)
class Task:
    """One caller with all their requests."""

    task_id: str
    caller_id: str
    identity: tuple[str, ...]
    """The fields by which the caller says who they are: one of them, or both."""
    identifies_at_once: bool
    requests: tuple[Request, ...]
