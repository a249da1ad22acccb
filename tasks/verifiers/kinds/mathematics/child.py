"""The child process of `math`: a line of JSON in, a line of JSON out; the first line out says that it is ready."""

from __future__ import annotations

import json
import logging
import resource
import sys
from typing import Any

from math_verify import parse, verify  # type: ignore[import-untyped]

from tasks.verifiers.verdict import Reason

_MEMORY = 4 * 2**30
"""Bytes of address space: a power of a power fills any memory before it is late."""


def compared(question: dict[str, Any]) -> dict[str, object]:
    """Whether the two texts end in the same value."""
    # No signals: the parent ends a process that is late.
    wanted = parse(question["wanted"], parsing_timeout=None)
    given = parse(question["given"], parsing_timeout=None)
    if not wanted:
        return {"same": False, "reason": Reason.BAD_DEMONSTRATION, "detail": "no value is found in it"}
    if not given:
        return {"same": False, "reason": Reason.PARSE_FAILURE, "detail": "no value is found in it"}
    if verify(wanted, given, float_rounding=question["decimals"], timeout_seconds=None):
        return {"same": True}
    return {"same": False, "reason": Reason.WRONG_RESULT, "detail": f"{given[-1]!s:.200}, expected {wanted[-1]!s:.200}"}


def main() -> None:
    """Answer until the parent closes the pipe."""
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = compared(json.loads(line))
        except Exception as error:  # whatever a computer algebra system makes of a sampled text
            answer = {"same": False, "reason": Reason.NOT_RUN, "detail": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
