"""Is the verifier sound on this data? Every demonstration must get reward 1 at its own state, every junk control 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from schemas.chat import Action
from tasks.errors import StageFailed
from tasks.stages.score.undecided import UndecidedCount, count_undecided, require_decided
from tasks.states.example import Example
from tasks.verifiers.build import concurrency_of, not_junk
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.controls import Control, controls
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Verdict, Verify

_EXAMPLES = 10
"""How many failures of each sort are kept as examples."""


class SelfCheck(BaseModel):
    """Counts over some states. A verdict without a reward counts in `undecided` only.

    `gold` counts demonstrations, `junk` controls. `passed_by_control` counts the controls that got a reward.
    """

    gold: int = 0
    gold_failed: int = 0
    junk: int = 0
    junk_passed: int = 0
    passed_by_control: dict[str, int] = {}
    gold_examples: list[str] = []
    junk_examples: list[str] = []
    undecided: UndecidedCount = UndecidedCount()

    @property
    def gold_rate(self) -> float:
        """Share of demonstrations that get reward 1."""
        return 1.0 - self.gold_failed / self.gold if self.gold else 1.0

    @property
    def junk_rate(self) -> float:
        """Share of controls that get a reward above 0."""
        return self.junk_passed / self.junk if self.junk else 0.0

    def plus(self, other: SelfCheck) -> SelfCheck:
        """The sum of both."""
        return SelfCheck(
            gold=self.gold + other.gold,
            gold_failed=self.gold_failed + other.gold_failed,
            junk=self.junk + other.junk,
            junk_passed=self.junk_passed + other.junk_passed,
            passed_by_control=dict(Counter(self.passed_by_control) + Counter(other.passed_by_control)),
            gold_examples=(self.gold_examples + other.gold_examples)[:_EXAMPLES],
            junk_examples=(self.junk_examples + other.junk_examples)[:_EXAMPLES],
            undecided=self.undecided.plus(other.undecided),
        )

    def summary(self) -> dict[str, Any]:
        """For the manifest: the counts, both rates, and the examples."""
        rates = {"gold_rate": round(self.gold_rate, 6), "junk_rate": round(self.junk_rate, 6)}
        return {"self_check": {**rates, **self.model_dump()}}


class _Question(NamedTuple):
    """An action to be verified at a state: a control, or the demonstration where `control` is None."""

    state: Example
    control: Control | None
    action: Action


def self_check(states: Sequence[Example], verify: Verify, settings: VerifierSettings) -> SelfCheck:
    """The check of these states. Another state's call is that of the next state, in order, that makes another call."""

    def verdict_on(question: _Question) -> Verdict:
        return verify(question.state.state, question.state.demonstration, question.action)

    questions = list(_questions(states, settings))
    verdicts = in_order(verdict_on, questions, concurrency_of(settings))
    check, passed = SelfCheck(), Counter[str]()
    for (state, control, _), verdict in zip(questions, verdicts, strict=True):
        if verdict.reward is None:
            continue
        if control is None:
            check.gold += 1
            if verdict.reward < 1.0:
                check.gold_failed += 1
                check.gold_examples.append(_example(state, "its demonstration", verdict))
        else:
            check.junk += 1
            if verdict.reward:
                passed[control.value] += 1
                check.junk_examples.append(_example(state, control.value, verdict))
    check.passed_by_control, check.junk_passed = dict(passed), passed.total()
    check.undecided = count_undecided(
        len(questions), [verdict.detail for verdict in verdicts if verdict.reward is None]
    )
    return SelfCheck().plus(check)  # cuts the examples


def _questions(states: Sequence[Example], settings: VerifierSettings) -> Iterator[_Question]:
    for state, other in zip(states, _other_calls(states), strict=True):
        yield _Question(state, None, state.demonstration)
        skipped = not_junk(settings, state.state, state.demonstration)
        for control, action in controls(state.state, state.demonstration, other):
            if control not in skipped:
                yield _Question(state, control, action)


def require_sound(check: SelfCheck, config: ScoreConfig) -> None:
    """Accept the verifier.

    Raises:
        StageFailed: a rate is over its bound; the text says which states and why.
    """
    require_decided(check.undecided, check.undecided.asked, "demonstrations and controls", config)
    if check.gold_rate < config.min_gold_rate:
        raise StageFailed(
            f"scores: {check.gold_failed} of {check.gold} demonstrations do not score 1 against their own state "
            f"(rate {check.gold_rate:.4f}, score.min_gold_rate {config.min_gold_rate}): "
            + "; ".join(check.gold_examples)
        )
    if check.junk_rate > config.max_junk_rate:
        raise StageFailed(
            f"scores: {check.junk_passed} of {check.junk} junk controls get a reward (rate {check.junk_rate:.4f}, "
            f"score.max_junk_rate {config.max_junk_rate}): " + "; ".join(check.junk_examples)
        )


def _other_calls(states: Sequence[Example]) -> list[Action | None]:
    """Per state: the demonstration of the next state that makes another call, in a ring; None where the next 8 calls
    are all the same."""
    calling = [state.demonstration for state in states if state.demonstration.tool_calls]
    others: list[Action | None] = []
    position = 0
    for state in states:
        position += bool(state.demonstration.tool_calls)
        ahead = (calling[(position + step) % len(calling)] for step in range(min(len(calling), 8)))
        others.append(next((action for action in ahead if not _same_calls(action, state.demonstration)), None))
    return others


def _same_calls(a: Action, b: Action) -> bool:
    return [(c["name"], c["arguments"]) for c in a.tool_calls] == [(c["name"], c["arguments"]) for c in b.tool_calls]


def _example(state: Example, what: str, verdict: Verdict) -> str:
    return f"{what} at {state.key}: {verdict.reward} {verdict.reason.value} {verdict.detail}"[:300]
