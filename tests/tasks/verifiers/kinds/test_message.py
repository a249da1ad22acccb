from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.verifiers.kinds import MessageSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import call, says, verdict


@pytest.mark.parametrize(
    ("min_similarity", "actual", "reason"),
    [
        (0.0, "Something else.", Reason.EQUIVALENT),
        (0.5, " The order is on its way. ", Reason.EQUAL),
        (0.5, "The order is on the way.", Reason.EQUIVALENT),
        (0.9, "The order is on the way.", Reason.WRONG_TEXT),
        (0.5, "Something else.", Reason.WRONG_TEXT),
        (0.0, "   ", Reason.EMPTY),
    ],
)
def test_a_message_as_similar_as_asked(min_similarity: float, actual: str, reason: Reason) -> None:
    settings = MessageSettings(min_similarity=min_similarity)
    answer = verdict(settings, says("The order is on its way."), says(actual))
    assert (answer.reward, answer.reason) == (float(reason in (Reason.EQUAL, Reason.EQUIVALENT)), reason)


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (call("t", x=1), Reason.EQUAL),
        (call("t", x=2), Reason.WRONG_ARGUMENT),
        (says("I call t with 1."), Reason.WRONG_KIND),
    ],
)
def test_a_demonstrated_call_is_met_by_the_same_call_only(actual: Action, reason: Reason) -> None:
    answer = verdict(MessageSettings(), call("t", x=1), actual)
    assert (answer.reward, answer.reason) == (float(reason is Reason.EQUAL), reason)
