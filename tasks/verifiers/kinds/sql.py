"""`sql`: a query with the same result, on a database that nothing can write to.

Both queries run on SQLite behind an authorizer that allows reading only, with a limit on time, rows and the size of a
value. Results are compared as multisets of rows, in order where the demonstration orders them. Where the demonstrated
result is empty, only the same query passes: any wrong condition gives an empty result. A query that reads no table
cannot stand for one that does: it may have guessed the answer.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.errors import ConfigurationError
from tasks.verifiers.comparing import calls
from tasks.verifiers.comparing.calls import CompareCalls
from tasks.verifiers.comparing.screening import arguments
from tasks.verifiers.controls import Control
from tasks.verifiers.kinds import tool_call
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no, shown

VERSION = 1
NOT_JUNK = frozenset({Control.VALUE_CHANGED})  # another constant may select the same rows
_LONGEST_VALUE = 1_000_000
"""Bytes of one value or of a query."""
_STEPS_BETWEEN_LOOKS = 10_000
"""SQLite instructions after which the time is looked at."""
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_IMPURE = frozenset({"random", "randomblob", "load_extension", "readfile", "writefile", "edit", "changes"})


class SqlSettings(VerifierSection):
    """A query with the same result. Only reading queries run, and nothing is ever written."""

    kind: Literal["sql"] = "sql"
    arguments: tuple[str, ...] = Field(("query", "sql", "statement"), description="Arguments that hold a query.")
    database: str | None = Field(None, description="SQLite file, opened read-only.")
    setup: str = Field("", description="SQL that fills an in-memory database, where no file is given.")
    timeout_s: float = Field(2.0, gt=0, description="Seconds that one query may run.")
    max_rows: int = Field(10_000, ge=1, description="Rows of a result at most.")


class Refused(Exception):
    """A query that did not give a result; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave, and the tables it read."""

    rows: tuple[tuple[Any, ...], ...]
    tables: frozenset[str]


class Database:
    """A SQLite database for reading.

    Raises:
        ConfigurationError: no such file, or the set-up does not run.
    """

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        try:
            if settings.database is None:
                self._connection = sqlite3.connect(":memory:", check_same_thread=False)
                self._connection.executescript(settings.setup)
            else:
                url = f"{Path(settings.database).resolve(strict=True).as_uri()}?mode=ro"
                self._connection = sqlite3.connect(url, uri=True, check_same_thread=False)
                self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(f"verifier sql: {settings.database or 'setup'}: {error}") from error
        self._connection.execute("PRAGMA temp_store = MEMORY")  # not even a sort may touch the disk
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)

    def run(self, query: str) -> Result:
        """The result of one reading query.

        Raises:
            Refused: it is no query, would write, takes too long or gives too much.
        """
        tables: set[str] = set()
        deadline = time.monotonic() + self._settings.timeout_s

        def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
            if action == sqlite3.SQLITE_READ and first:
                tables.add(first)
            pure = action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() not in _IMPURE
            return sqlite3.SQLITE_OK if action in _READING or pure else sqlite3.SQLITE_DENY

        self._connection.set_authorizer(authorize)
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            cursor = self._connection.execute(query)
            rows = cursor.fetchmany(self._settings.max_rows + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
            raise Refused(str(error)) from error
        if cursor.description is None:
            raise Refused("it is no query")
        if len(rows) > self._settings.max_rows:
            raise Refused(f"more than {self._settings.max_rows} rows")
        return Result(tuple(rows), frozenset(tables))


def make(settings: SqlSettings) -> Verify:
    """The verifier."""
    return calls.verifier(_comparison(settings))


def _comparison(settings: SqlSettings) -> CompareCalls:
    database = Database(settings)
    as_tool_call = tool_call.comparison(ToolCallSettings())

    def compare(wanted: ToolCall, given: ToolCall, state: State) -> Verdict:
        verdict = as_tool_call(wanted, given, state)
        if verdict.reason is not Reason.WRONG_ARGUMENT:
            return verdict
        expected, actual = arguments(wanted), arguments(given)
        if expected.keys() != actual.keys():
            return verdict
        for name, value in expected.items():
            if value == actual[name] and type(value) is type(actual[name]):
                continue
            if name not in settings.arguments or not isinstance(value, str) or not isinstance(actual[name], str):
                return verdict
            verdict = compare_queries(database, value, actual[name])
            if verdict.reward != 1.0:
                return verdict
        return verdict

    return compare


def compare_queries(database: Database, wanted: str, given: str) -> Verdict:
    """The verdict on one query where another was demonstrated."""
    if wanted.strip().rstrip(";") == given.strip().rstrip(";"):
        return EQUAL
    try:
        expected = database.run(wanted)
    except Refused as refused:
        return no(Reason.BAD_DEMONSTRATION, f"it does not run: {refused}")
    try:
        actual = database.run(given)
    except Refused as refused:
        return no(Reason.NOT_RUN, str(refused))
    if not expected.rows:
        return no(Reason.WRONG_RESULT, "the demonstrated result is empty, so only the same query passes")
    if expected.tables and not actual.tables:
        return no(Reason.WRONG_RESULT, "it reads no table")
    ordered = "order by" in " ".join(wanted.casefold().split())
    same = expected.rows == actual.rows if ordered else Counter(expected.rows) == Counter(actual.rows)
    if same:
        return EQUIVALENT
    return no(Reason.WRONG_RESULT, f"{shown(actual.rows[:3])}, expected {shown(expected.rows[:3])}")
