from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.verifiers.build import build
from tasks.verifiers.kinds import SqlSettings
from tasks.verifiers.verdict import Reason, Verdict
from tests.tasks.verifiers.asking import call, verdict

SETUP = """CREATE TABLE people (name TEXT, age INT); CREATE TABLE empty (x INT);
INSERT INTO people VALUES ('ann', 30), ('bob', 40), ('cid', 30);"""
SETTINGS = SqlSettings(setup=SETUP, timeout_s=1.0)


def ask(expected: str, actual: str, settings: SqlSettings = SETTINGS) -> Verdict:
    return verdict(settings, call("run", query=expected), call("run", query=actual))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("SELECT name FROM people WHERE age = 30", "select name from people where age < 31 order by name desc", True),
        ("SELECT name FROM people ORDER BY name", "SELECT name FROM people ORDER BY name DESC", False),
        ("SELECT name FROM people", "SELECT name FROM people LIMIT 2", False),
        ("SELECT age FROM people", "SELECT DISTINCT age FROM people", False),
        ("SELECT count(*) FROM people", "SELECT 3", False),
        ("SELECT name FROM people WHERE age > 99", "SELECT name FROM people WHERE 0", False),
        ("SELECT name FROM people WHERE age > 99", "SELECT name FROM people WHERE age > 99;", True),
        ("SELECT name FROM people", "SELECT nme FROM people", False),
        ("SELECT name FROM people", "SELECT name FROM people; DROP TABLE people", False),
    ],
)
def test_results(expected: str, actual: str, same: bool) -> None:
    assert ask(expected, actual).reward == float(same)


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE people",
        "DELETE FROM people RETURNING name",
        "ATTACH DATABASE 'x.db' AS x",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "SELECT random() FROM people",
        "SELECT zeroblob(1000000000) FROM people",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n, people",
        "",
        "\0",
    ],
)
def test_nothing_is_written_and_nothing_runs_for_ever(query: str) -> None:
    began = time.monotonic()
    assert ask("SELECT name FROM people", query).reason is Reason.NOT_RUN
    assert time.monotonic() - began < 4


def test_a_file_is_opened_for_reading_only(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(SETUP)
    before = path.read_bytes()
    settings = SqlSettings(database=str(path))
    assert ask("SELECT name FROM people", "SELECT name FROM people WHERE 1", settings).reward == 1.0
    assert ask("SELECT name FROM people", "UPDATE people SET age = 1 RETURNING name", settings).reward == 0.0
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["people.sqlite"]
    with pytest.raises(ConfigurationError, match="nowhere"):
        build(SqlSettings(database=str(tmp_path / "nowhere.sqlite")))


def test_a_demonstration_that_does_not_run() -> None:
    assert ask("SELECT x FROM nowhere", "SELECT name FROM people").reason is Reason.BAD_DEMONSTRATION
    assert ask("SELECT x FROM nowhere", "SELECT x FROM nowhere").reward == 1.0
