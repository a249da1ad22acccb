from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.verifiers.kinds import CodeEditSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import call, calls, verdict

OLD = "result = 0\nreturn None"
NEW = "result = 0\nfor value in values:\n    result += value\nreturn result"


def edit(path: str = "/w/foo.py", old: str = OLD, new: str = NEW, command: str = "str_replace") -> Action:
    return call("str_replace_editor", command=command, path=path, old_str=old, new_str=new)


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (edit(new=NEW.replace("value in", "item in")), Reason.EQUIVALENT),
        (edit(path="/w//./foo.py"), Reason.EQUIVALENT),
        (edit(path="/w/bar.py"), Reason.WRONG_ARGUMENT),
        (edit(new=""), Reason.WRONG_ARGUMENT),
        (edit(old=""), Reason.WRONG_ARGUMENT),
        (edit(old=NEW, new=OLD), Reason.WRONG_ARGUMENT),
        (edit(new=NEW * 8), Reason.WRONG_ARGUMENT),
        (edit(command="insert"), Reason.WRONG_TOOL),
        (call("str_replace_editor", command="view", path="/w/foo.py"), Reason.WRONG_TOOL),
        (call("execute_bash", command="sed -i s/a/b/ /w/foo.py"), Reason.WRONG_TOOL),
        (calls(("str_replace_editor", '{"command": "str_replace", "path": "/w/foo.py", "old_')), Reason.PARSE_FAILURE),
        (call("str_replace_editor"), Reason.WRONG_TOOL),
    ],
)
def test_edits(actual: Action, reason: Reason) -> None:
    answer = verdict(CodeEditSettings(), edit(), actual)
    assert answer.reason is reason, answer


def test_operands_that_change_places_are_another_edit() -> None:
    """Words as a set would call these equal."""
    swap = edit(old="x", new="return total - paid"), edit(old="x", new="return paid - total")
    assert verdict(CodeEditSettings(), *swap).reward == 0.0


def test_views_by_file_and_commands_by_shell() -> None:
    view = call("str_replace_editor", command="view", path="/w/foo.py", view_range=[1, 40])
    assert verdict(CodeEditSettings(), view, call("str_replace_editor", command="view", path="/w/foo.py")).reward == 1.0
    assert verdict(CodeEditSettings(), view, call("str_replace_editor", command="view", path="/w/a.py")).reward == 0.0
    assert verdict(CodeEditSettings(), call("bash", command="ls -la"), call("bash", command="ls -al")).reward == 1.0
    assert verdict(CodeEditSettings(), call("bash", command="ls -la"), call("bash", command="ls")).reward == 0.0
    assert verdict(CodeEditSettings(), call("finish"), call("submit")).reward == 0.0
