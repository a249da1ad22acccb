"""Tables and values as Markdown. A text of the data is shown as it is: nothing in it acts as markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

_LONGEST = 300
"""Characters of a value that are shown."""
_NAME = re.compile(r"\S{1,40}")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table. Its cells are Markdown, or numbers."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def literal(value: object) -> str:
    """A value as it is, cut and with floats rounded. A name is code; a longer text is not: code does not wrap."""
    if value is None or value == "":
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _cell(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return code(text) if _NAME.fullmatch(text) else _PUNCTUATION.sub(r"\\\g<0>", _line(text, _LONGEST))


def code(text: str, longest: int = _LONGEST) -> str:
    """A text as code, on one line and cut; it may stand in a table."""
    shown = _line(text, longest)
    # The fence must be longer than any run of backticks inside (CommonMark, code spans).
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1)
    padding = " " if "`" in shown else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}".replace("|", "\\|") if shown else ""


def _line(text: str, longest: int) -> str:
    line = re.sub(r"\s+", " ", text[:longest]).strip()
    more = len(text) - longest
    return line if more <= 0 else f"{line}... {more:,} more"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
