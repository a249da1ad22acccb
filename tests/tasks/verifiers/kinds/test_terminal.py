from __future__ import annotations

import json

import pytest

from schemas.chat import Action
from tasks.verifiers.kinds import TerminalSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import call, says, verdict


def terminus(*keystrokes: str, complete: bool = False, plan: str = "") -> Action:
    commands = [{"keystrokes": keys, "duration": 0.1} for keys in keystrokes]
    return says(json.dumps({"analysis": "", "plan": plan, "commands": commands, "task_complete": complete}))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("ls -la", "ls -al", True),
        ("ls -la", "ls -l -a", True),
        ("ls", "ls -la", False),
        ("ls dir", "ls ./dir/", True),
        ("ls dir", "ls dir2", False),
        ("rm -r a", "rm -r a b", False),
        ("rm -r a", "rm -rf a", False),
        ("head -n 5 f", "head -5 f", True),
        ("head -n 5 f", "head -n 50 f", False),
        ("sort -k1 -k2 f", "sort -k2 -k1 f", False),
        ("tool -a x -b y", "tool -b x -a y", False),
        ('cat "my file"', "cat 'my file'", True),
        ('cat "my file"', "cat my file", False),
        ('echo "$HOME"', "echo '$HOME'", False),
        ("ls *.py", "ls '*.py'", False),
        ("cd /a && ls", "cd /a; ls", False),
        ("cd /a\nls", "cd /a; ls", True),
        ("a | b", "b | a", False),
        ("make > log", "make >> log", False),
        ("kill 123", "kill 124", False),
        ("./run.sh", "run.sh", False),
        ("grep -rn foo .", "grep -nr foo .", True),
        ("grep foo//bar f", "grep foo/bar f", False),
        ("ls # all", "ls", True),
        ("echo 'unclosed", "echo unclosed'", False),
        ("cat <<EOF > f\nalpha beta\nEOF", "cat <<EOF > f\ngamma delta\nEOF", False),
        ("cat <<EOF > f\nx\nEOF\nls", "cat <<EOF > f\nx\nEOF\nrm -rf f", False),
    ],
)
def test_commands(expected: str, actual: str, same: bool) -> None:
    assert verdict(TerminalSettings(), call("bash", command=expected), call("bash", command=actual)).reward == float(
        same
    )
    assert verdict(TerminalSettings(), terminus(f"{expected}\n"), terminus(f"{actual}\n")).reward == float(same)


def test_similarity_forgives_words_and_never_flags_or_literals() -> None:
    def ask(expected: str, actual: str, min_similarity: float) -> float | None:
        settings = TerminalSettings(min_similarity=min_similarity)
        return verdict(settings, call("b", command=expected), call("b", command=actual)).reward

    text = "git commit -m 'fix the parser of dates so that it takes every format that users write in the form today'"
    assert ask(text, text.replace("takes", "reads"), 0.8) == 1.0
    assert ask(text, text.replace("takes", "reads"), 1.0) == 0.0
    assert ask(text, text.replace("commit", "commit --amend"), 0.5) == 0.0
    assert ask(f"{text} a1", f"{text} a2", 0.5) == 0.0


def test_what_is_beside_the_command() -> None:
    expected = call("bash", command="ls", timeout=5)
    assert verdict(TerminalSettings(), expected, call("bash", command="ls", timeout=10)).reward == 1.0
    assert (
        verdict(TerminalSettings(), call("bash", command="ls", cwd="/a"), call("bash", command="ls", cwd="/b")).reward
        == 0
    )
    assert verdict(TerminalSettings(), expected, call("bash", command="")).reward == 0.0


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (terminus("ls\n", plan="other words"), Reason.EQUAL),
        (terminus("ls"), Reason.WRONG_ARGUMENT),
        (terminus("ls\n", complete=True), Reason.WRONG_ARGUMENT),
        (terminus(), Reason.WRONG_ARGUMENT),
        (says("ls"), Reason.PARSE_FAILURE),
        (says('{"analysis": "", "plan": "", "commands": [{"keys": "ls\\n"}]}'), Reason.PARSE_FAILURE),
    ],
)
def test_terminus(actual: Action, reason: Reason) -> None:
    assert verdict(TerminalSettings(), terminus("ls\n"), actual).reason is reason


def test_keystrokes_may_be_cut_anywhere() -> None:
    assert verdict(TerminalSettings(), terminus("cd a\n", "ls\n"), terminus("cd a\nls\n")).reward == 1.0


def test_a_plain_message_is_no_keystrokes() -> None:
    assert verdict(TerminalSettings(), says("Done."), terminus("rm -rf /\n")).reason is Reason.WRONG_KIND
    assert verdict(TerminalSettings(), says("Done."), says("All done.")).reward == 1.0
