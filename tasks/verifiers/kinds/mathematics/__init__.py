"""`math`: a message with the same mathematical value, by the math-verify library. Calls are compared by `tool_call`.

A formula can take forever (`9^{9^{9^9}}`). The library's own time limit is a signal, and signals work in a main thread
only. So the library runs in a child process (child.py), which is stopped when it is late.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import selectors
import subprocess
import sys
import threading
from typing import Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.errors import ConfigurationError
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.kinds import tool_call
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, Reason, Verdict, VerifierSection, Verify, no

VERSION = 1
_LONGEST = 20_000
"""Characters of a message that are read: the last ones, where the answer stands."""
_START_S = 60.0
"""Seconds that the child may take to import its libraries."""


class MathSettings(VerifierSection):
    """A message with the same mathematical value, by math-verify."""

    kind: Literal["math"] = "math"
    decimals: int = Field(6, ge=0, description="Decimals to which numbers must agree.")
    timeout_s: float = Field(5.0, gt=0, description="Seconds that one comparison may take.")


class Child:
    """The process that compares formulas, one at a time. Started by the first comparison, and after a late one."""

    def __init__(self, settings: MathSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def compare(self, expected: str, actual: str) -> Verdict:
        """The verdict on two messages."""
        texts = {"expected": expected[-_LONGEST:], "actual": actual[-_LONGEST:]}
        question = json.dumps({**texts, "decimals": self._settings.decimals})
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
                if self._read_line(_START_S) is None:
                    self.stop()
                    return Verdict(None, Reason.UNDECIDED, "math-verify did not start")
            with contextlib.suppress(BrokenPipeError):  # a child that died gives no answer either
                print(question, file=self._process.stdin, flush=True)
            line = self._read_line(self._settings.timeout_s)
            if line is None:
                self.stop()
                return no(Reason.NOT_RUN, f"no answer in {self._settings.timeout_s} s")
        answer = json.loads(line)
        return EQUIVALENT if answer["same"] else no(Reason(answer["reason"]), answer["detail"])

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tasks.verifiers.kinds.mathematics.child"]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def _read_line(self, seconds: float) -> str | None:
        """The child's next line; None if there is none in time."""
        # The child writes whole lines, so that where there is something to read, `readline` does not block.
        assert self._process is not None and self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(seconds)
        return (self._process.stdout.readline() or None) if ready else None


def make(settings: MathSettings) -> Verify:
    """The verifier.

    Raises:
        ConfigurationError: math-verify is not installed.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise ConfigurationError("verifier math needs the package math-verify: pip install math-verify")
    child = Child(settings)
    calls = tool_call.make(ToolCallSettings())

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if demonstration.tool_calls:
            return calls(state, demonstration, action)
        if demonstration.content.strip() == action.content.strip():
            return EQUAL
        return child.compare(demonstration.content, action.content)

    return verify
