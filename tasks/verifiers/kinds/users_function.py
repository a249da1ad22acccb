"""`python`: a function of the user's. Where it raises or gives no number in [0, 1], there is no reward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from schemas.chat import Action, State
from tasks.errors import ConfigurationError
from tasks.modules import user_code
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.screening import screen
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify

VERSION = 1


class PythonSettings(VerifierSection):
    """A function of yours."""

    kind: Literal["python"] = "python"
    function: str = Field(
        pattern=r"^[\w.]+:\w+$",
        description="module:function, called as verify(state, demonstration, action). It gives a number in [0, 1].",
    )
    version: int = Field(
        1, ge=1, description="Raise it when the function decides differently; it enters the version of the scores."
    )


def make(settings: PythonSettings) -> Verify:
    """The verifier.

    Raises:
        ConfigurationError: no such module or function.
    """
    function = _function(settings.function)

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        try:
            result = function(state, demonstration, action)
            reward = float(result)
        except Exception as error:  # not our code: one state of a million must not end the stage
            return Verdict(None, Reason.UNDECIDED, f"{settings.function}: {type(error).__name__}: {error}"[:400])
        if not 0 <= reward <= 1:
            return Verdict(None, Reason.UNDECIDED, f"{settings.function} gave {result!r:.100}, not a number in [0, 1]")
        if reward == 1:
            return EQUAL if action == demonstration else Verdict(1.0, Reason.EQUIVALENT, settings.function)
        return Verdict(reward, Reason.PARTIAL if reward else Reason.REFUSED, settings.function)

    return verify


def _function(name: str) -> Callable[[State, Action, Action], Any]:
    module, _, attribute = name.partition(":")
    problem = f"verifier python: {name!r} cannot be imported"
    function: Callable[[State, Action, Action], Any] = user_code(module, attribute, problem)
    if not callable(function):
        raise ConfigurationError(f"verifier python: {name!r} is not a function")
    return function
