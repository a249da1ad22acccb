from __future__ import annotations

import pytest

from tasks.verifiers.comparing.shell import LONGEST, Command, Script, parse


def commands(text: str) -> list[Command]:
    script = parse(text)
    assert script is not None
    return list(script.commands)


def test_a_line_as_commands() -> None:
    assert parse("cd /w && ls -la dir/ | grep -n 'a b' x.txt > out") == Script(
        (
            Command("", "cd", (), ("/w",)),
            Command("&&", "ls", (("a", ""), ("l", "")), ("dir",)),
            Command("|", "grep", (("n", ""),), ("a b", "x.txt", ">", "out")),
        ),
        (),
    )


def test_a_here_document_is_cut_out_of_the_line() -> None:
    script = parse("cat <<'EOF' > f\nls -la\n  two\nEOF\nls")
    assert script is not None
    assert script.documents == ("ls -la\n  two",)
    assert [command.program for command in script.commands] == ["cat", "ls"]


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "cat <<EOF\nno end", "x" * (LONGEST + 1), "echo \\"])
def test_what_does_not_end_is_not_parsed(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("echo 'a'b", 'echo "a"b'),
        ("echo a\\ b", "echo 'a b'"),
        ("ls \\\n -l", "ls -l"),
        ("a;\n\nb", "a; b"),
        ("a &&\nb", "a && b"),
        ("tail -n5 f", "tail -n 5 f"),
        ("tail -5 f", "tail -n 5 f"),
        ("ls -l -l", "ls -l"),
        ("ls ./a//b/", "ls a/b"),
        ("ls # comment", "ls"),
    ],
)
def test_one_command_in_two_spellings(a: str, b: str) -> None:
    assert parse(a) == parse(b) is not None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("echo '$x'", 'echo "$x"'),
        ("echo '*'", "echo *"),
        ("echo '~'", "echo ~"),
        ("a && b", "a || b"),
        ("a", "a &"),
        ("sort -k1 -k2", "sort -k2 -k1"),
        ("grep a//b f", "grep a/b f"),
        ("git -a -b", "git -b -a"),
        ("rm -- -f", "rm -f"),
        ("cat ./-n", "cat -n"),
        ("curl http://a//b", "curl http://a/b"),
        ("echo a b", "echo 'a b'"),
    ],
)
def test_two_commands_that_look_alike(a: str, b: str) -> None:
    assert parse(a) != parse(b)


def test_the_skeleton_leaves_the_words_out() -> None:
    scripts = parse("ls -l a && rm -r b"), parse("ls -l c && rm -r d"), parse("ls a && rm -r b")
    skeletons = [script.skeleton for script in scripts if script is not None]
    assert skeletons[0] == skeletons[1] != skeletons[2]


def test_an_empty_text_has_no_commands() -> None:
    assert commands("") == commands(" \n # only a comment") == []
