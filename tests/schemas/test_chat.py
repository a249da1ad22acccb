"""Messages with every key, and actions as messages and back."""

import pytest

from schemas.chat import Action, ActionKind, Role, as_action, as_message, message
from tests.builders import call


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Action("Hello"), ActionKind.MESSAGE),
        (Action("", "", (call(),)), ActionKind.CALL),
        (Action("Both", "", (call(),)), ActionKind.CALL),
        (Action("", "", (call(), call())), ActionKind.CALLS),
        (Action(" \n", "I think"), ActionKind.EMPTY),
    ],
)
def test_the_kinds_of_action(action: Action, kind: ActionKind) -> None:
    assert action.kind is kind
    assert as_action(as_message(action)) == action


def test_a_message_has_every_key() -> None:
    keys = {"role", "content", "reasoning", "tool_calls", "tool_call_id", "name"}
    assert set(message(Role.USER, "x")) == keys
    assert message(Role.USER)["tool_calls"] is not message(Role.USER)["tool_calls"]
