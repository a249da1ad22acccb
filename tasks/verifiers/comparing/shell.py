"""Shell command lines as values. Quoting, the order of flags and the spelling of paths do not matter; all else does:
`ls` is not `ls -la`, and `'$HOME'` is not `$HOME`.

The options of the commands listed here are sorted. The words of any other command must stand in the same order, because
`cmd -a x -b y` may not be `cmd -b x -a y`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 50_000
"""Characters; a longer text is not parsed."""
_PIECE = re.compile(
    r"(?P<blank>[ \t\r]+|\\\n)|(?P<operator>\n|&&|\|\||;;|>>|<<<|[;|&<>()])|(?P<single>'[^']*')"
    r'|(?P<double>"(?:[^"\\]|\\.)*")|(?P<escaped>\\.)|(?P<plain>[^\s\'"\\;|&<>()]+)',
    re.DOTALL,
)
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1")
_SPECIAL = re.compile(r"([$`*?\[\]~{}!#=])")
_QUOTED_SPECIAL = re.compile(r"([*?\[\]~{}!#=])")
_ENDS = frozenset({"\n", ";", "&&", "||", "|", "&", "(", ")", ";;"})
_VALUE_FLAGS = {
    "ls": "", "cat": "", "rm": "", "rmdir": "", "cp": "", "mv": "", "mkdir": "m", "touch": "dr", "pwd": "", "cd": "",
    "wc": "", "head": "nc", "tail": "nc", "sort": "kot", "uniq": "fsw", "du": "d", "df": "", "grep": "efmABC",
}  # fmt: skip
"""Commands whose one-letter flags may be joined and put in any order, each with those flags that take a value."""
_PATTERN_FIRST = frozenset({"grep"})
"""Those of them whose operands are not all paths."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: the operator before it, its program, its flags and its other words."""

    joined_by: str
    program: str
    flags: tuple[tuple[str, str], ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Commands in their order, and the bodies of their here-documents."""

    commands: tuple[Command, ...]
    documents: tuple[str, ...]

    @property
    def skeleton(self) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
        """Operators, programs and flags."""
        return tuple((command.joined_by, command.program, command.flags) for command in self.commands)


def parse(text: str) -> Script | None:
    """The commands of a text; None where a quote or here-document does not end, or the text is too long."""
    if len(text) > LONGEST:
        return None
    line_and_documents = _cut_documents(text)
    if line_and_documents is None:
        return None
    line, documents = line_and_documents
    commands: list[Command] = []
    words: list[str] = []
    joined_by = ""
    for token, operator in _tokens(line):
        if operator == "?":
            return None
        if operator in _ENDS:
            if words:
                commands.append(_command(joined_by, words))
                joined_by, words = "", []
            joined_by = _join(joined_by, ";" if operator == "\n" else operator)
        else:
            words.append(token)
    if words:
        commands.append(_command(joined_by, words))
    elif joined_by not in ("", ";"):
        commands.append(Command(joined_by, "", (), ()))
    return Script(tuple(commands), documents)


def _join(before: str, operator: str) -> str:
    """Two neighbouring operators as one: a line end or semicolon beside another says nothing."""
    if operator == ";":
        return before or ";"
    return operator if before in ("", ";") else before + operator


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    """(word, "") or ("", operator); the operator is "?" where the text cannot be read."""
    # A quoted character that is special outside quotes is written with a backslash, so that a word has one spelling.
    word, started, position = "", False, 0
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            yield "", "?"
            return
        position = piece.end()
        kind, text = piece.lastgroup, piece[0]
        if kind in ("blank", "operator"):
            if started:
                yield word, ""
                word, started = "", False
            if kind == "operator":
                yield (text, "") if text in ("<", ">", ">>", "<<<") else ("", text)
            continue
        if kind == "plain" and not started and text.startswith("#"):
            end = line.find("\n", position)
            position = end if end >= 0 else len(line)
            continue
        word, started = word + _spell(str(kind), text), True
    if started:
        yield word, ""


def _spell(kind: str, text: str) -> str:
    if kind == "plain":
        return text
    if kind == "single":
        return _SPECIAL.sub(r"\\\1", text[1:-1])
    if kind == "escaped":
        return _SPECIAL.sub(r"\\\1", text[1])
    inner = _QUOTED_SPECIAL.sub(r"\\\1", re.sub(r'\\(["\\])', r"\1", text[1:-1].replace("\\\n", "")))
    return inner.replace("\\\\$", "\\$")


def _command(joined_by: str, words: list[str]) -> Command:
    program, arguments = words[0], words[1:]
    if program not in _VALUE_FLAGS or any(word.startswith("--") and "=" not in word for word in arguments):
        return Command(joined_by, program, (), tuple(arguments))
    flags: list[tuple[str, str]] = []
    operands: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word.startswith("--"):
            flags.append((word, ""))
        elif program in ("head", "tail") and re.fullmatch(r"-\d+", word):
            flags.append(("n", word[1:]))
        elif word.startswith("-") and len(word) > 1:
            flags += _cluster(word[1:], _VALUE_FLAGS[program], rest)
        else:
            operands.append(word if program in _PATTERN_FIRST else _path(word))
    return Command(joined_by, program, _sort_flags(flags), tuple(operands))


def _cluster(letters: str, value_flags: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The flags in `-la` or `-n5`. The value of a flag stands in the same word or in the next."""
    for position, letter in enumerate(letters):
        if letter in value_flags:
            yield letter, letters[position + 1 :] or next(rest, "")
            return
        yield letter, ""


def _sort_flags(flags: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """By letter. The values of one flag keep their order (`sort -k1 -k2`); a repeated flag counts once."""
    return tuple(dict.fromkeys(sorted(flags, key=lambda flag: flag[0])))


def _path(word: str) -> str:
    if "://" in word or "\\" in word:
        return word
    word = re.sub(r"/(?:\.?/)+", "/", word)
    while word.startswith("./") and len(word) > 2 and word[2] != "-":
        word = word[2:]
    return word.rstrip("/") or "/" if word != "./" else "."


def _cut_documents(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The text without the bodies of its here-documents, and the bodies; None where a body does not end."""
    lines = text.split("\n")
    commands: list[str] = []
    documents: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        for marker in _HEREDOC.finditer(line):
            body = []
            while index < len(lines) and lines[index].strip() != marker[2]:
                body.append(lines[index])
                index += 1
            if index == len(lines):
                return None
            index += 1
            documents.append("\n".join(body))
        commands.append(_HEREDOC.sub(lambda marker: f"<<<{marker[1]}DOCUMENT{marker[1]}", line))
    return "\n".join(commands), tuple(documents)
