"""Verifiers made of verifiers: `all_of`, `any_of`, `cascade`, `by_domain`, `by_tool`.

A part that gives no reward (a judge that failed) leaves the whole without one, unless the others have settled it.

The five share a file, unlike other kinds: they share a version, the way to combine verdicts, and settings that name the
union of all kinds (kinds/__init__.py), in which they stand themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import NO_ACTION, Build, Reason, Verdict, VerifierSection, Verify

if TYPE_CHECKING:
    # The union imports this file, so it cannot be imported here. kinds/__init__.py hands it to pydantic.
    VerifierSettings = VerifierSection

VERSION = 1
_FINAL = NO_ACTION | {Reason.EMPTY, Reason.WRONG_KIND}
"""Verdicts that end a cascade: no later verifier, least of all a judge, is to be talked out of them."""


class AllOfSettings(VerifierSection):
    """The lowest reward of several verifiers: all must pass."""

    kind: Literal["all_of"] = "all_of"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """All, in their order."""
        return self.verifiers


class AnyOfSettings(VerifierSection):
    """The highest reward of several verifiers: one must pass."""

    kind: Literal["any_of"] = "any_of"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """All, in their order."""
        return self.verifiers


class CascadeSettings(VerifierSection):
    """Verifiers from cheap to expensive; the first full reward ends it. A completion that is no action, or an action
    of another sort, never reaches the second verifier."""

    kind: Literal["cascade"] = "cascade"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """All, in their order."""
        return self.verifiers


class ByDomainSettings(VerifierSection):
    """One verifier per domain."""

    kind: Literal["by_domain"] = "by_domain"
    domains: dict[str, VerifierSettings] = Field(min_length=1)
    otherwise: VerifierSettings = Field(default_factory=ToolCallSettings, description="For every other domain.")

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """Those of the domains, then the other one."""
        return (*self.domains.values(), self.otherwise)


class ByToolSettings(VerifierSection):
    """One verifier per demonstrated tool. A turn that calls several tools, or none, takes `otherwise`."""

    kind: Literal["by_tool"] = "by_tool"
    tools: dict[str, VerifierSettings] = Field(min_length=1)
    otherwise: VerifierSettings = Field(default_factory=ToolCallSettings, description="For every other turn.")

    @property
    def parts(self) -> tuple[VerifierSection, ...]:
        """Those of the tools, then the other one."""
        return (*self.tools.values(), self.otherwise)


def make(
    settings: AllOfSettings | AnyOfSettings | CascadeSettings | ByDomainSettings | ByToolSettings, build: Build
) -> Verify:
    """The verifier; `build` makes its parts."""
    if isinstance(settings, ByDomainSettings):
        return by_domain({name: build(part) for name, part in settings.domains.items()}, build(settings.otherwise))
    if isinstance(settings, ByToolSettings):
        return by_tool({name: build(part) for name, part in settings.tools.items()}, build(settings.otherwise))
    verifiers = [build(part) for part in settings.verifiers]
    if isinstance(settings, AllOfSettings):
        return all_of(verifiers)
    return any_of(verifiers) if isinstance(settings, AnyOfSettings) else cascade(verifiers)


def not_junk(
    settings: AllOfSettings | AnyOfSettings | CascadeSettings | ByDomainSettings | ByToolSettings,
    state: State,
    demonstration: Action,
    of_part: Callable[[VerifierSection], frozenset[Control]],
) -> frozenset[Control]:
    """The controls that are no junk: those of the part that decides; of several, where all must pass, what is free in
    all of them, else what is free in any."""
    if isinstance(settings, ByDomainSettings):
        return of_part(settings.domains.get(state.domain, settings.otherwise))
    if isinstance(settings, ByToolSettings):
        return of_part(settings.tools.get(only_tool(demonstration), settings.otherwise))
    free = [of_part(part) for part in settings.verifiers]
    return frozenset.intersection(*free) if isinstance(settings, AllOfSettings) else frozenset.union(*free)


def all_of(parts: Sequence[Verify]) -> Verify:
    """The lowest reward. A reward of 0 ends it."""

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        lowest: Verdict | None = None
        undecided: Verdict | None = None
        for part in parts:
            verdict = part(state, demonstration, completion)
            if verdict.reward == 0:
                return verdict
            if verdict.reward is None:
                undecided = verdict
            elif lowest is None or lowest.reward is None or verdict.reward < lowest.reward:
                lowest = verdict
        final = undecided or lowest
        assert final is not None
        return final

    return verify


def any_of(parts: Sequence[Verify]) -> Verify:
    """The highest reward. A reward of 1 ends it."""
    return _highest(parts, frozenset())


def cascade(parts: Sequence[Verify]) -> Verify:
    """As `any_of`; what is no action of the demonstrated sort ends it too."""
    return _highest(parts, _FINAL)


def _highest(parts: Sequence[Verify], final_reasons: frozenset[Reason]) -> Verify:
    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        highest: Verdict | None = None
        undecided: Verdict | None = None
        for part in parts:
            verdict = part(state, demonstration, completion)
            if verdict.reward == 1 or verdict.reason in final_reasons:
                return verdict
            if verdict.reward is None:
                undecided = verdict
            elif highest is None or highest.reward is None or verdict.reward >= highest.reward:
                highest = verdict
        final = undecided or highest
        assert final is not None
        return final

    return verify


def by_domain(parts: Mapping[str, Verify], otherwise: Verify) -> Verify:
    """The verifier of the state's domain."""
    return _by_key(parts, otherwise, lambda state, _: state.domain)


def by_tool(parts: Mapping[str, Verify], otherwise: Verify) -> Verify:
    """The verifier of the demonstrated tool."""
    return _by_key(parts, otherwise, lambda _, demonstration: only_tool(demonstration))


def only_tool(demonstration: Action) -> str:
    """The tool that is called, if it is one; "" for a message or calls of several tools."""
    names = {call["name"] for call in demonstration.tool_calls}
    return names.pop() if len(names) == 1 else ""


def _by_key(parts: Mapping[str, Verify], otherwise: Verify, key: Callable[[State, Action], str]) -> Verify:
    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        return parts.get(key(state, demonstration), otherwise)(state, demonstration, completion)

    return verify
