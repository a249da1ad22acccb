"""Verifiers made of verifiers: `all_of`, `any_of`, `cascade`, `by_domain`, `by_tool`.

A part that gives no reward (a judge that failed) leaves the whole without one, unless the others have settled it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.verdict import Reason, Verdict, Verify

VERSION = 1
_FINAL = frozenset({Reason.PARSE_FAILURE, Reason.EMPTY, Reason.WRONG_KIND})
"""Verdicts that end a cascade: no later verifier, least of all a judge, is to be talked out of them."""


def all_of(parts: Sequence[Verify]) -> Verify:
    """The lowest reward. What follows a reward of 0 is not asked."""

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
        found = undecided or lowest
        assert found is not None
        return found

    return verify


def any_of(parts: Sequence[Verify]) -> Verify:
    """The highest reward. What follows a reward of 1 is not asked."""
    return _highest(parts, frozenset())


def cascade(parts: Sequence[Verify]) -> Verify:
    """As `any_of`, except that what is no action at all ends it."""
    return _highest(parts, _FINAL)


def _highest(parts: Sequence[Verify], final: frozenset[Reason]) -> Verify:
    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        highest: Verdict | None = None
        undecided: Verdict | None = None
        for part in parts:
            verdict = part(state, demonstration, completion)
            if verdict.reward == 1 or verdict.reason in final:
                return verdict
            if verdict.reward is None:
                undecided = verdict
            elif highest is None or highest.reward is None or verdict.reward >= highest.reward:
                highest = verdict
        found = undecided or highest
        assert found is not None
        return found

    return verify


def by_domain(parts: Mapping[str, Verify], otherwise: Verify) -> Verify:
    """The verifier of the state's domain."""
    return _chosen(parts, otherwise, lambda state, _: state.domain)


def by_tool(parts: Mapping[str, Verify], otherwise: Verify) -> Verify:
    """The verifier of the demonstrated tool."""
    return _chosen(parts, otherwise, lambda _, demonstration: only_tool(demonstration))


def only_tool(demonstration: Action) -> str:
    """The tool that is called, if it is one; "" for a message or calls of several tools."""
    names = {call["name"] for call in demonstration.tool_calls}
    return names.pop() if len(names) == 1 else ""


def _chosen(parts: Mapping[str, Verify], otherwise: Verify, key: Callable[[State, Action], str]) -> Verify:
    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        return parts.get(key(state, demonstration), otherwise)(state, demonstration, completion)

    return verify
