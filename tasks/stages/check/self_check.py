"""Do the format and the verifier hold on this data? Every demonstration, written as the policy would and read back,
must be itself and get reward 1; every junk control 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from schemas.chat import Action
from schemas.checks import CheckReason
from tasks.children.progress import alive
from tasks.errors import StageFailed
from tasks.policy.parsing import Completion
from tasks.states.example import Example
from tasks.verifiers.build import concurrency_of, not_junk
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.controls import Control, controls
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.undecided import UndecidedCount, count_undecided, require_decided
from tasks.verifiers.verdict import Verdict, Verify

_EXAMPLES, _LONGEST = 10, 400
"""How many failures of each sort are kept as examples, and how many characters of each."""


class SelfCheck(BaseModel):
    """Counts over some states. A verdict without a reward counts in `undecided` only.

    `gold` counts demonstrations, `junk` controls. `failed_by_reason` says what became of the
    demonstrations that failed, `passed_by_control` counts the controls that got a reward. `hidden` counts the states
    that have a part which the template does not show, `empty_thoughts` the demonstrations without reasoning for which
    it writes an empty thought.
    """

    parser: str = ""
    """The format of the policy's completions."""

    gold: int = 0
    gold_failed: int = 0
    junk: int = 0
    junk_passed: int = 0
    failed_by_reason: dict[str, int] = {}
    passed_by_control: dict[str, int] = {}
    hidden: dict[str, int] = {}
    empty_thoughts: int = 0
    gold_examples: list[str] = []
    junk_examples: list[str] = []
    undecided: UndecidedCount = UndecidedCount()

    @property
    def gold_rate(self) -> float:
        """Share of demonstrations that come back as themselves and get reward 1."""
        return 1.0 - self.gold_failed / self.gold if self.gold else 1.0

    @property
    def junk_rate(self) -> float:
        """Share of controls that get a reward above 0."""
        return self.junk_passed / self.junk if self.junk else 0.0

    def plus(self, other: SelfCheck) -> SelfCheck:
        """The sum of both."""
        return SelfCheck(
            parser=other.parser or self.parser,
            gold=self.gold + other.gold,
            gold_failed=self.gold_failed + other.gold_failed,
            junk=self.junk + other.junk,
            junk_passed=self.junk_passed + other.junk_passed,
            failed_by_reason=dict(Counter(self.failed_by_reason) + Counter(other.failed_by_reason)),
            passed_by_control=dict(Counter(self.passed_by_control) + Counter(other.passed_by_control)),
            hidden=dict(Counter(self.hidden) + Counter(other.hidden)),
            empty_thoughts=self.empty_thoughts + other.empty_thoughts,
            gold_examples=(self.gold_examples + other.gold_examples)[:_EXAMPLES],
            junk_examples=(self.junk_examples + other.junk_examples)[:_EXAMPLES],
            undecided=self.undecided.plus(other.undecided),
        )

    def summary(self) -> dict[str, Any]:
        """For the manifest: the counts, both rates, and the examples."""
        rates = {"gold_rate": round(self.gold_rate, 6), "junk_rate": round(self.junk_rate, 6)}
        return {"self_check": {**rates, **self.model_dump()}}

    @property
    def settled(self) -> bool:
        """Whether verifying again could decide nothing more."""
        return self.undecided.undecided == 0


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How a demonstration came back from the policy's own text. `reason` is None where it came back as itself, and the
    verifier is to be asked."""

    prefill: str = ""
    text: str | None = None
    completion: Completion | None = None
    reason: CheckReason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a demonstration. `reward` is None where the verifier was not asked or could not decide."""

    reward: float | None
    reason: CheckReason
    detail: str = ""


class _Question(NamedTuple):
    """An action to be verified at a state: a control, or the demonstration as it came back, where `control` is None."""

    position: int
    control: Control | None
    action: Completion


def self_check(
    states: Sequence[Example], trips: Sequence[RoundTrip], verify: Verify, settings: VerifierSettings
) -> tuple[SelfCheck, list[Outcome]]:
    """The check of these states, and what became of each demonstration.

    Another state's call is that of the next state, in order, that makes another call.

    Args:
        trips: how each state's demonstration came back.
    """

    def verdict_on(question: _Question) -> Verdict:
        if question.control is None:
            alive()  # a judge takes its time
        state = states[question.position]
        return verify(state.state, state.demonstration, question.action)

    questions = list(_questions(states, trips, settings))
    verdicts = in_order(verdict_on, questions, concurrency_of(settings))
    check, passed = SelfCheck(), Counter[str]()
    outcomes = [Outcome(None, trip.reason, trip.detail) if trip.reason else None for trip in trips]
    for (position, control, _), verdict in zip(questions, verdicts, strict=True):
        if control is None:
            outcomes[position] = _outcome(verdict)
        elif verdict.reward is not None:
            check.junk += 1
            if verdict.reward:
                passed[control.value] += 1
                check.junk_examples.append(f"{control.value} at {states[position].key}: {_said(verdict)}"[:_LONGEST])
    done = [outcome for outcome in outcomes if outcome is not None]
    failed = Counter[str]()
    for state, outcome in zip(states, done, strict=True):
        if outcome.reason is CheckReason.UNDECIDED:
            continue
        check.gold += 1
        if outcome.reason is not CheckReason.RETURNED:
            failed[outcome.reason.value] += 1
            example = f"its demonstration at {state.key}: {outcome.reason.value}: {outcome.detail}"
            check.gold_examples.append(example[:_LONGEST])
    check.failed_by_reason, check.gold_failed = dict(failed), failed.total()
    check.passed_by_control, check.junk_passed = dict(passed), passed.total()
    check.undecided = count_undecided(
        len(questions), [verdict.detail for verdict in verdicts if verdict.reward is None]
    )
    return SelfCheck().plus(check), done  # the sum cuts the examples


def _outcome(verdict: Verdict) -> Outcome:
    if verdict.reward is None:
        return Outcome(None, CheckReason.UNDECIDED, verdict.detail)
    if verdict.reward < 1.0:
        return Outcome(verdict.reward, CheckReason.REJECTED, _said(verdict))
    return Outcome(verdict.reward, CheckReason.RETURNED)


def _said(verdict: Verdict) -> str:
    return f"{verdict.reward} {verdict.reason.value} {verdict.detail}"


def _questions(
    states: Sequence[Example], trips: Sequence[RoundTrip], settings: VerifierSettings
) -> Iterator[_Question]:
    for position, (state, trip, other) in enumerate(zip(states, trips, _other_calls(states), strict=True)):
        if trip.reason is None and trip.completion is not None:
            yield _Question(position, None, trip.completion)
        skipped = not_junk(settings, state.state, state.demonstration)
        for control, action in controls(state.state, state.demonstration, other):
            if control not in skipped:
                yield _Question(position, control, action)


def require_sound(check: SelfCheck, config: ScoreConfig) -> None:
    """Accept the format and the verifier.

    Raises:
        StageFailed: a rate is over its bound; the text says which states and why.
    """
    require_decided(check.undecided, check.undecided.asked, "demonstrations and controls", config)
    if check.gold_rate < config.min_gold_rate:
        reasons = ", ".join(f"{count} {reason}" for reason, count in check.failed_by_reason.items())
        raise StageFailed(
            f"checks: {check.gold_failed} of {check.gold} demonstrations, written by the policy's chat template and "
            f"read as {check.parser or 'the policy writes'}, do not come back with reward 1 ({reasons}; rate "
            f"{check.gold_rate:.4f}, score.min_gold_rate {config.min_gold_rate})"
            + (f"; the template does not show {', '.join(check.hidden)}" if check.hidden else "")
            + ": "
            + "; ".join(check.gold_examples)
        )
    if check.junk_rate > config.max_junk_rate:
        raise StageFailed(
            f"checks: {check.junk_passed} of {check.junk} junk controls get a reward (rate {check.junk_rate:.4f}, "
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
