from __future__ import annotations

import pytest

from tasks.verifiers.comparing.values import Comparer
from tasks.verifiers.kinds import ToolCallSettings, ToolCallsSettings
from tests.tasks.verifiers.asking import calls, verdict

ABC = calls(("t", {"x": "a"}), ("t", {"x": "b"}), ("t", {"x": "c"}))


@pytest.mark.parametrize(
    ("given_values", "binary", "fractional", "f1"),
    [
        ("cab", 1.0, 1.0, 1.0),
        ("ab", 0.0, 2 / 3, 4 / 5),
        ("aaa", 0.0, 1 / 3, 1 / 3),
        ("abcd", 0.0, 3 / 4, 6 / 7),
        ("xyz", 0.0, 0.0, 0.0),
    ],
)
def test_credit(given_values: str, binary: float, fractional: float, f1: float) -> None:
    sampled = calls(*(("t", {"x": value}) for value in given_values))
    for credit, reward in (("binary", binary), ("fractional", fractional), ("f1", f1)):
        answer = verdict(ToolCallsSettings(credit=credit), ABC, sampled)  # type: ignore[arg-type]
        assert answer.reward == pytest.approx(reward), credit


def test_a_greedy_pairing_would_strand_a_call() -> None:
    """The first call fits both samples, the second only the first sample."""
    similar = ToolCallsSettings(call=ToolCallSettings(values=Comparer(text="similar", min_similarity=0.5)))
    wanted = calls(("t", {"x": "red green"}), ("t", {"x": "red blue white"}))
    sampled = calls(("t", {"x": "red blue green"}), ("t", {"x": "green red"}))
    assert verdict(similar, wanted, sampled).reward == 1.0
