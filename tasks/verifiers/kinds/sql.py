"""`sql`: a query with the same result, on a database that nothing can write to.

Both queries run on SQLite behind an authorizer that allows only reading. Time, rows and the size of a value are
limited. Results are compared as multisets of rows, and in order where the demonstration orders them. Where the
demonstrated result is empty, only the same query passes, because any wrong condition gives an empty result. A query
that reads no table does not pass for one that does: it may have guessed the answer.
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
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, excerpt, no

VERSION = 1
NOT_JUNK = frozenset({Control.VALUE_CHANGED})  # another constant may select the same rows
_LONGEST_VALUE = 1_000_000
"""Bytes of one value or of a query at most."""
_STEPS_BETWEEN_LOOKS = 10_000
"""SQLite instructions between two looks at the clock."""
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_IMPURE = frozenset({"random", "randomblob", "load_extension", "readfile", "writefile", "edit", "changes"})


class SqlSettings(VerifierSection):
    """A query with the same result. Only queries that read are run, and nothing is ever written."""

    kind: Literal["sql"] = "sql"
    arguments: tuple[str, ...] = Field(("query", "sql", "statement"), description="Arguments that hold a query.")
    database: str | None = Field(None, description="SQLite file, opened read-only.")
    setup: str = Field("", description="SQL that fills a database in memory, where `database` names no file.")
    timeout_s: float = Field(2.0, gt=0, description="Seconds that one query may run.")
    max_rows: int = Field(10_000, ge=1, description="Largest number of rows of a result.")


class Refused(Exception):
    """A query that gave no result; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query, and the tables that it read."""

    rows: tuple[tuple[Any, ...], ...]
    tables: frozenset[str]


class Database:
    """A SQLite database for reading.

    Raises:
        ConfigurationError: there is no such file, or `setup` does not run.
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
            Refused: it is no query, would write, takes too long or gives too many rows.
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

    def compare(expected: ToolCall, actual: ToolCall, state: State) -> Verdict:
        verdict = as_tool_call(expected, actual, state)
        if verdict.reason is not Reason.WRONG_ARGUMENT:
            return verdict
        expected_values, values = arguments(expected), arguments(actual)
        if expected_values.keys() != values.keys():
            return verdict
        for name, value in expected_values.items():
            if value == values[name] and type(value) is type(values[name]):
                continue
            if name not in settings.arguments or not isinstance(value, str) or not isinstance(values[name], str):
                return verdict
            verdict = compare_queries(database, value, values[name])
            if verdict.reward != 1.0:
                return verdict
        return verdict

    return compare


def compare_queries(database: Database, expected: str, actual: str) -> Verdict:
    """The verdict on one query where another was demonstrated."""
    if expected.strip().rstrip(";") == actual.strip().rstrip(";"):
        return EQUAL
    try:
        expected_result = database.run(expected)
    except Refused as refused:
        return no(Reason.BAD_DEMONSTRATION, f"it does not run: {refused}")
    try:
        result = database.run(actual)
    except Refused as refused:
        return no(Reason.NOT_RUN, str(refused))
    if not expected_result.rows:
        return no(Reason.WRONG_RESULT, "the demonstrated result is empty, so only the same query passes")
    if expected_result.tables and not result.tables:
        return no(Reason.WRONG_RESULT, "it reads no table")
    rows, expected_rows = result.rows, expected_result.rows
    ordered = "order by" in " ".join(expected.casefold().split())
    if expected_rows == rows or (not ordered and Counter(expected_rows) == Counter(rows)):
        return EQUIVALENT
    return no(Reason.WRONG_RESULT, f"{excerpt(rows[:3])}, expected {excerpt(expected_rows[:3])}")
