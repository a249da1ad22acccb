"""A chat endpoint that costs money: a budget of requests, retries, and a ledger of answers and costs. Threads may share
it.

The ledger's two tables, in memory or in a SQLite file:

    answers   key, text                                      one per question that was answered
    requests  at, model, key, outcome, seconds, tokens_in, tokens_out      one per request, failed ones too
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.errors import ConfigurationError
from tasks.verifiers.kinds.judge.settings import JudgeSettings

if TYPE_CHECKING:  # httpx takes 0.1 s to import, and every reading of a configuration imports this file
    import httpx

log = logging.getLogger(__name__)

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 30.0
_QUESTIONS = 1024
"""Locks for questions, chosen by the question's hash: two threads with the same question must not both pay for it."""
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (at TEXT, model TEXT, key TEXT, outcome TEXT, seconds REAL, tokens_in INTEGER,
    tokens_out INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of some questions; `tokens` counts prompts and answers."""

    requests: int = 0
    failed: int = 0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.failed + other.failed, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class Answer:
    """The text, or None and why there is none. `cost` is what this question has cost just now."""

    text: str | None
    cost: Cost
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    """The result of one request. `outcome` is "answered" or what went wrong. `final`: a further attempt is useless."""

    text: str | None
    outcome: str
    tokens: int
    final: bool


class Ledger:
    """Answers and costs.

    Raises:
        ConfigurationError: the file cannot be used.
    """

    def __init__(self, path: str | None) -> None:
        try:
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False)
            self._connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise ConfigurationError(f"verifier judge: ledger {path!r}: {error}") from error
        self._lock = threading.Lock()

    def answer(self, key: str) -> str | None:
        """The answer to a question that was asked before; None for a new question."""
        with self._lock:
            row = self._connection.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def keep(self, key: str, text: str) -> None:
        """Keep an answer."""
        with self._lock, self._connection:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, text))

    def record(self, model: str, key: str, outcome: str, seconds: float, tokens: tuple[int, int]) -> None:
        """Record a request, whatever came of it."""
        row = (datetime.now(UTC).isoformat(timespec="seconds"), model, key, outcome, round(seconds, 3), *tokens)
        with self._lock, self._connection:
            self._connection.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def cost(self) -> Cost:
        """Of every request in the ledger."""
        query = "SELECT count(*), coalesce(sum(outcome <> 'answered'), 0), coalesce(sum(tokens_in + tokens_out), 0)"
        with self._lock:
            return Cost(*self._connection.execute(f"{query} FROM requests").fetchone())


class Endpoint:
    """An OpenAI-compatible chat API with its ledger; `sleep` waits between attempts."""

    def __init__(self, settings: JudgeSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        import httpx

        self.ledger = Ledger(settings.ledger)
        self._settings, self._sleep = settings, sleep
        self._requests = 0
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._questions = [threading.Lock() for _ in range(_QUESTIONS)]
        key = os.environ.get(settings.api_key_variable, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._client = httpx.Client(
                base_url=settings.url,
                headers=headers,
                timeout=settings.timeout_s,
                limits=httpx.Limits(max_keepalive_connections=settings.concurrency),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ConfigurationError(f"verifier judge: url {settings.url!r}: {error}") from error

    def ask(
        self, messages: list[dict[str, str]], seed: int, prompt_version: int, readable: Callable[[str], bool]
    ) -> Answer:
        """The answer from the ledger or from the API; none after the last attempt, or where the budget is spent.

        Args:
            readable: whether an answer can be used; one that cannot is a failed attempt.
        """
        settings = self._settings
        body = {
            "model": settings.model,
            "messages": messages,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "seed": seed,
        }
        question = json.dumps([settings.url, prompt_version, body], sort_keys=True)
        key = hashlib.sha256(question.encode()).hexdigest()
        with self._questions[int(key[:8], 16) % _QUESTIONS]:
            if known := self.ledger.answer(key):
                return Answer(known, Cost())
            return self._ask_api(body, key, readable)

    def _ask_api(self, body: dict[str, Any], key: str, readable: Callable[[str], bool]) -> Answer:
        cost, why = Cost(), ""
        for attempt in range(1 + self._settings.retries):
            if not self._may_spend():
                why = f"its budget of {self._settings.max_requests} requests is spent (max_requests)"
                break
            if attempt:
                self._sleep(min(0.5 * 2**attempt, _LONGEST_WAIT_S))
            reply = self._request(body, key, readable)
            cost += Cost(1, int(reply.text is None), reply.tokens)
            if reply.text is not None:
                self.ledger.keep(key, reply.text)
                return Answer(reply.text, cost)
            why = reply.outcome
            if reply.final:
                break
        self._warn(why)
        return Answer(None, cost, why)

    def _may_spend(self) -> bool:
        """Take one request from the budget; whether there was one."""
        with self._lock:
            allowed = self._requests < self._settings.max_requests
            self._requests += allowed
        return allowed

    def _warn(self, why: str) -> None:
        """Log once per cause that something stays undecided: in training nothing else would say so."""
        with self._lock:
            new = why not in self._warned
            self._warned.add(why)
        if new:
            log.warning("verifier judge (%s): %s; what it should decide stays undecided", self._settings.model, why)

    def _request(self, body: dict[str, Any], key: str, readable: Callable[[str], bool]) -> _Reply:
        import httpx

        began, text, tokens, final = time.monotonic(), None, (0, 0), False
        try:
            response = self._client.post("chat/completions", json=body)
            if response.status_code == httpx.codes.OK:
                text, tokens = _read(response)
                outcome = "answered" if readable(text) else "an answer without a verdict"
            else:
                outcome, final = f"HTTP {response.status_code}", response.status_code not in _TRANSIENT
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            outcome = type(error).__name__  # its text may hold the key
        self.ledger.record(self._settings.model, key, outcome, time.monotonic() - began, tokens)
        return _Reply(text if outcome == "answered" else None, outcome, sum(tokens), final)


def _read(response: httpx.Response) -> tuple[str, tuple[int, int]]:
    value = response.json()
    usage = value.get("usage") or {}
    tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    return str(value["choices"][0]["message"]["content"]), tokens
