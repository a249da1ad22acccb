"""What is done with the settings of a verifier, whatever its kind. The code of a kind is found beside its settings."""

from __future__ import annotations

import importlib
import json
import threading
from typing import Any

from schemas.chat import Action, State
from tasks.artefact.fingerprint import canonical
from tasks.verifiers import kinds
from tasks.verifiers.concurrency import one_at_a_time
from tasks.verifiers.controls import Control
from tasks.verifiers.verdict import VerifierSection, Verify


def build(settings: VerifierSection) -> Verify:
    """The verifier of these settings. `concurrency_of(settings)` threads may share it.

    Raises:
        ConfigurationError: a function, database or address in the settings that cannot be used.
    """
    return _build(settings, threading.Lock() if concurrency_of(settings) > 1 else None)


def _build(settings: VerifierSection, lock: threading.Lock | None) -> Verify:
    """The verifier; with a lock, its parts that only compute take turns."""
    code = _code(settings)
    if settings.parts:
        combined: Verify = code.make(settings, lambda part: _build(part, lock))
        return combined
    verify: Verify = code.make(settings)
    # A kind with a setting `concurrency` waits for a network, and is written for several threads.
    return verify if lock is None or hasattr(settings, "concurrency") else one_at_a_time(verify, lock)


def concurrency_of(settings: VerifierSection) -> int:
    """Requests under way at once: a judge's `concurrency`, the largest of a combination, 1 for what only computes."""
    own: int = getattr(settings, "concurrency", 1)
    return max([own, *map(concurrency_of, settings.parts)])


def fingerprint(settings: VerifierSection) -> str:
    """Code and settings, for the version of what a verifier took part in."""
    return f"{identity(settings)} {json.dumps(canonical(settings))}"


def identity(settings: VerifierSection) -> str:
    """Kinds and versions of the code, for the version of the scores; the settings enter that as configuration."""
    parts = f"({', '.join(map(identity, settings.parts))})" if settings.parts else ""
    return f"{settings.kind}/{_code(settings).VERSION}{parts}"


def not_junk(settings: VerifierSection, state: State, demonstration: Action) -> frozenset[Control]:
    """The controls that are no junk for this verifier: it leaves free, on purpose, what they change."""
    code = _code(settings)
    if settings.parts:
        combined: frozenset[Control] = code.not_junk(
            settings, state, demonstration, lambda part: not_junk(part, state, demonstration)
        )
        return combined
    own: frozenset[Control] = getattr(code, "NOT_JUNK", frozenset())
    return own


def _code(settings: VerifierSection) -> Any:
    """The file, or the folder, of kinds/ in which the settings are defined."""
    name = type(settings).__module__.removeprefix(f"{kinds.__name__}.").partition(".")[0]
    return importlib.import_module(f"{kinds.__name__}.{name}")
