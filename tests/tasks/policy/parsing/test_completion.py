from schemas.chat import Action
from tasks.policy.parsing import ParseFailure, ParseReason, differences
from tests.builders import call


def test_actions_are_compared_by_value() -> None:
    action = Action(" Yes. ", "Hm.", (call('{"a": 1, "b": 2}'),))
    assert differences(action, Action("Yes.", "", (call('{"b":2,"a":1}', id="other"),))) == ()
    assert differences(action, Action("No.", "", ()), reasoning=True) == ("text", "calls", "reasoning")
    assert differences(Action(tool_calls=(call("{"),)), Action(tool_calls=(call("{ "),))) == ("calls",)
    assert differences(action, ParseFailure(ParseReason.BAD_JSON, "")) == ("parse",)
