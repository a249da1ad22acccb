"""What a user may write for `kind: python`, good and bad."""

from __future__ import annotations

import threading
import time
from typing import Any

_LOCK = threading.Lock()


def half(*_: Any) -> float:
    return 0.5


def everything(*_: Any) -> bool:
    return True


def raises(*_: Any) -> float:
    raise RuntimeError("no such service")


def too_much(*_: Any) -> float:
    return 2.0


def nothing(*_: Any) -> None:
    return None


def nan(*_: Any) -> float:
    return float("nan")


def alone(*_: Any) -> float:
    """Refuses everything, and fails where another thread is in it."""
    if not _LOCK.acquire(blocking=False):
        raise RuntimeError("called twice at once")
    time.sleep(0.005)
    _LOCK.release()
    return 0.0
