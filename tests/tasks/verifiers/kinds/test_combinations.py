from __future__ import annotations

import pytest

from tasks.verifiers.kinds import (
    ByDomainSettings,
    ByToolSettings,
    ExactSettings,
    ToolNameSettings,
    combinations,
)
from tasks.verifiers.verdict import NO_ACTION, Reason, Verdict, Verify
from tests.tasks.verifiers.asking import at, call, calls, says, verdict

NONE = Verdict(None, Reason.UNDECIDED)


def giving(*verdicts: Verdict) -> tuple[list[Verify], list[Verdict]]:
    """Verifiers that give these, and the list of those that were asked."""
    asked: list[Verdict] = []

    def part(verdict_of_part: Verdict) -> Verify:
        return lambda *_: asked.append(verdict_of_part) or verdict_of_part  # type: ignore[func-returns-value]

    return [part(verdict_of_part) for verdict_of_part in verdicts], asked


def of(*rewards: float | None) -> list[Verdict]:
    return [NONE if r is None else Verdict(r, Reason.EQUIVALENT if r else Reason.WRONG_ARGUMENT) for r in rewards]


@pytest.mark.parametrize(
    ("rewards", "lowest", "highest"),
    [
        ((1.0, 1.0), 1.0, 1.0),
        ((1.0, 0.0), 0.0, 1.0),
        ((0.5, 0.8), 0.5, 0.8),
        ((None, 0.0), 0.0, None),
        ((None, 1.0), None, 1.0),
        ((0.5, None), None, None),
    ],
)
def test_all_of_and_any_of(rewards: tuple[float | None, ...], lowest: float | None, highest: float | None) -> None:
    for combine, expected in ((combinations.all_of, lowest), (combinations.any_of, highest)):
        parts, _ = giving(*of(*rewards))
        assert combine(parts)(at(), says("a"), says("b")).reward == expected


@pytest.mark.parametrize("reason", [*sorted(NO_ACTION), Reason.EMPTY, Reason.WRONG_KIND])
def test_no_later_verifier_is_talked_out_of_it(reason: Reason) -> None:
    parts, asked = giving(Verdict(0.0, reason), *of(1.0))
    assert combinations.cascade(parts)(at(), says("a"), says("b")).reason is reason
    assert len(asked) == 1


def test_a_cascade_stops_at_the_first_full_reward() -> None:
    parts, asked = giving(*of(0.0, 1.0, 0.0))
    assert combinations.cascade(parts)(at(), says("a"), says("b")).reward == 1.0
    assert len(asked) == 2


def test_by_domain_and_by_tool() -> None:
    by_domain = ByDomainSettings(domains={"desk": ExactSettings()}, otherwise=ToolNameSettings())
    pair = call("t", x=1), call("t", x=2)
    assert verdict(by_domain, *pair, at(domain="desk")).reward == 0.0
    assert verdict(by_domain, *pair, at(domain="other")).reward == 1.0
    by_tool = ByToolSettings(tools={"t": ToolNameSettings()}, otherwise=ExactSettings())
    assert verdict(by_tool, *pair).reward == 1.0
    assert verdict(by_tool, call("u", x=1), call("u", x=2)).reward == 0.0
    assert verdict(by_tool, calls(("t", {}), ("u", {})), calls(("u", {}), ("t", {}))).reward == 0.0
    assert verdict(by_tool, call("u", x=1), call("t", x=1)).reward == 0.0, "the demonstration chooses, not the sample"
