"""Settings to verifier: a plain dictionary of the kinds, and the combinations, which hold others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from schemas.verifiers import (
    AllOfSettings,
    AnyOfSettings,
    ByDomainSettings,
    ByToolSettings,
    CascadeSettings,
    JudgeSettings,
    VerifierSettings,
)
from tasks.artefact.fingerprint import canonical
from tasks.verifiers.concurrency import one_at_a_time
from tasks.verifiers.kinds import (
    code_edit,
    combinations,
    exact,
    judge,
    mathematics,
    message,
    nemo_gym,
    search,
    sql,
    terminal,
    tool_call,
    tool_calls,
    tool_name,
    users_function,
    world_state,
)
from tasks.verifiers.verdict import Verify

_KINDS: dict[str, tuple[Callable[[Any], Verify], int]] = {
    "exact": (exact.make, exact.VERSION),
    "tool_name": (tool_name.make, tool_name.VERSION),
    "tool_call": (tool_call.make, tool_call.VERSION),
    "tool_calls": (tool_calls.make, tool_calls.VERSION),
    "nemo_gym": (nemo_gym.make, nemo_gym.VERSION),
    "message": (message.make, message.VERSION),
    "terminal": (terminal.make, terminal.VERSION),
    "code_edit": (code_edit.make, code_edit.VERSION),
    "search": (search.make, search.VERSION),
    "sql": (sql.make, sql.VERSION),
    "math": (mathematics.make, mathematics.VERSION),
    "world_state": (world_state.make, world_state.VERSION),
    "judge": (judge.make, judge.VERSION),
    "python": (users_function.make, users_function.VERSION),
}
_LISTS: dict[str, Callable[[Sequence[Verify]], Verify]] = {
    "all_of": combinations.all_of,
    "any_of": combinations.any_of,
    "cascade": combinations.cascade,
}
KINDS = (*_KINDS, *_LISTS, "by_domain", "by_tool")


def build(settings: VerifierSettings) -> Verify:
    """The verifier of these settings. `concurrency_of(settings)` threads may share it.

    Raises:
        ConfigurationError: a function, database or address in the settings that cannot be used.
    """
    return _built(settings, threading.Lock() if concurrency_of(settings) > 1 else None)


def _built(settings: VerifierSettings, lock: threading.Lock | None) -> Verify:
    if isinstance(settings, ByDomainSettings):
        domains = {name: _built(part, lock) for name, part in settings.domains.items()}
        return combinations.by_domain(domains, _built(settings.otherwise, lock))
    if isinstance(settings, ByToolSettings):
        tools = {name: _built(part, lock) for name, part in settings.tools.items()}
        return combinations.by_tool(tools, _built(settings.otherwise, lock))
    if isinstance(settings, AllOfSettings | AnyOfSettings | CascadeSettings):
        return _LISTS[settings.kind]([_built(part, lock) for part in settings.verifiers])
    verify = _KINDS[settings.kind][0](settings)
    return verify if lock is None or isinstance(settings, JudgeSettings) else one_at_a_time(verify, lock)


def parts(settings: VerifierSettings) -> tuple[VerifierSettings, ...]:
    """The verifiers that a combination holds; none for any other kind."""
    if isinstance(settings, ByDomainSettings):
        return (*settings.domains.values(), settings.otherwise)
    if isinstance(settings, ByToolSettings):
        return (*settings.tools.values(), settings.otherwise)
    return settings.verifiers if isinstance(settings, AllOfSettings | AnyOfSettings | CascadeSettings) else ()


def concurrency_of(settings: VerifierSettings) -> int:
    """Requests that may be under way at once: a judge's `concurrency`, the largest of a combination, 1 without one."""
    if isinstance(settings, JudgeSettings):
        return settings.concurrency
    return max((concurrency_of(part) for part in parts(settings)), default=1)


def fingerprint(settings: VerifierSettings) -> str:
    """Code and settings, for the version of what a verifier took part in."""
    return f"{identity(settings)} {json.dumps(canonical(settings))}"


def identity(settings: VerifierSettings) -> str:
    """Kinds and versions of the code, for the version of what it scored; the settings enter it as configuration."""
    inner = parts(settings)
    if inner:
        return f"{settings.kind}/{combinations.VERSION}({', '.join(identity(part) for part in inner)})"
    return f"{settings.kind}/{_KINDS[settings.kind][1]}"
