from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.verifiers.kinds import ToolNameSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import call, calls, says, verdict


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (calls(("b", {}), ("a", {"y": 2})), Reason.EQUIVALENT),
        (calls(("a", {}), ("a", {})), Reason.WRONG_TOOL),
        (call("a", x=1), Reason.WRONG_TOOL),
        (calls(("a", {}), ("b", {}), ("b", {})), Reason.WRONG_TOOL),
        (calls(("a", '{"x": '), ("b", {})), Reason.PARSE_FAILURE),
        (says("a and b"), Reason.WRONG_KIND),
    ],
)
def test_the_same_tools_as_often(actual: Action, reason: Reason) -> None:
    answer = verdict(ToolNameSettings(), calls(("a", {"x": 1}), ("b", {})), actual)
    assert (answer.reward, answer.reason) == (float(reason is Reason.EQUIVALENT), reason)


def test_a_truncated_call_passes_only_where_it_was_demonstrated() -> None:
    truncated = calls(("a", '{"x": '))
    assert verdict(ToolNameSettings(), truncated, truncated).reward == 1.0
    assert verdict(ToolNameSettings(), call("a", x=1), truncated).reward == 0.0


def test_any_message_passes_for_a_message() -> None:
    assert verdict(ToolNameSettings(), says("a"), says("b")).reward == 1.0
