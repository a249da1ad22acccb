"""The check of a verifier, without a store: demonstrations must get reward 1, junk controls 0."""

from __future__ import annotations

import pytest

from schemas.chat import Action, Role, State, message
from tasks.errors import StageFailed
from tasks.policy.parsing import Completion
from tasks.stages.check.round_trip import RoundTrip
from tasks.stages.check.self_check import SelfCheck, require_sound, self_check
from tasks.states.example import Example
from tasks.verifiers.build import build
from tasks.verifiers.kinds import ExactSettings, ToolNameSettings, VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Reason, Verdict, Verify
from tests.builders import call

EXACT = ExactSettings()


def calling(number: int, order: int) -> Example:
    state = State(f"t{number}", 0, (message(Role.USER, "Where is it?"),), ())
    return Example(state, Action(tool_calls=(call(f'{{"order_id": {order}}}'),)))


def saying(number: int) -> Example:
    return Example(State(f"t{number}", 0, (message(Role.USER, "Thanks."),), ()), Action("You are welcome."))


def check_of(states: list[Example], verify: Verify, settings: VerifierSettings) -> SelfCheck:
    """The check where every demonstration comes back as itself."""
    return self_check(states, [RoundTrip("", "", s.demonstration) for s in states], verify, settings)[0]


def test_a_sound_verifier_passes_every_demonstration_and_no_junk() -> None:
    check = check_of([calling(0, 17), saying(1), calling(2, 18)], build(EXACT), EXACT)
    assert (check.gold, check.gold_failed, check.gold_rate) == (3, 0, 1.0)
    assert (check.junk_passed, check.junk_rate) == (0, 0.0) and check.junk > 10
    assert check.undecided.asked == check.gold + check.junk
    require_sound(check, ScoreConfig())


def test_a_hole_is_told_by_its_control_and_fails_the_stage() -> None:
    def everything(state: State, demonstration: Action, completion: Completion) -> Verdict:
        return Verdict(1.0, Reason.EQUIVALENT)

    check = check_of([calling(0, 17), calling(1, 18)], everything, EXACT)
    assert check.junk_passed == check.junk == sum(check.passed_by_control.values())
    assert check.passed_by_control["other_call"] == 2, "each has the other's call"
    assert check.junk_examples[0].startswith("empty at t0/0: 1.0 equivalent")
    with pytest.raises(StageFailed, match=rf"{check.junk} of {check.junk} junk controls get a reward \(rate 1\.0000"):
        require_sound(check, ScoreConfig())


def test_a_state_alone_has_no_other_call_and_equal_calls_are_none() -> None:
    asked: list[Completion] = []

    def listening(state: State, demonstration: Action, completion: Completion) -> Verdict:
        asked.append(completion)
        return Verdict(float(completion == demonstration), Reason.EQUAL)

    alone = check_of([calling(0, 17)], listening, EXACT)
    equal = check_of([calling(0, 17), calling(1, 17)], listening, EXACT)
    different = check_of([calling(0, 17), calling(1, 18)], listening, EXACT)
    assert equal.junk == 2 * alone.junk and different.junk == 2 * alone.junk + 2


def test_a_control_that_the_verifier_leaves_free_is_not_tried() -> None:
    coarse = ToolNameSettings()
    check = check_of([calling(0, 17), calling(1, 18)], build(coarse), coarse)
    assert check.gold_failed == check.junk_passed == 0 and check.junk > 0
    assert check.junk < check_of([calling(0, 17), calling(1, 18)], build(EXACT), EXACT).junk


def test_what_is_undecided_counts_neither_as_gold_nor_as_junk() -> None:
    def silent(state: State, demonstration: Action, completion: Completion) -> Verdict:
        return Verdict(None, Reason.UNDECIDED, "judge: HTTP 500")

    check = check_of([calling(0, 17)], silent, EXACT)
    assert (check.gold, check.junk) == (0, 0) and check.undecided.undecided == check.undecided.asked > 5
    with pytest.raises(StageFailed, match=r"demonstrations and controls are undecided.*HTTP 500"):
        require_sound(check, ScoreConfig())


def test_checks_add_up_and_keep_few_examples() -> None:
    half = SelfCheck(gold=8, gold_failed=6, junk=3, junk_passed=1, passed_by_control={"empty": 1})
    half.gold_examples = [f"example {i}" for i in range(6)]
    total = half.plus(half)
    assert (total.gold, total.gold_failed, total.junk, total.passed_by_control) == (16, 12, 6, {"empty": 2})
    assert len(total.gold_examples) == 10 and total.gold_rate == 0.25
    assert total.summary()["self_check"]["junk_rate"] == 0.333333
