"""The child process of `math`: one line of JSON in, one line of JSON out. The first line out says that it is ready."""

from __future__ import annotations

import json
import logging
import resource
import sys
from typing import Any

from math_verify import parse, verify  # type: ignore[import-untyped]

from tasks.verifiers.verdict import Reason

_MEMORY = 4 * 2**30
"""Bytes of address space at most: a power of a power fills any memory before it is late."""


def compare(question: dict[str, Any]) -> dict[str, object]:
    """Whether the two texts end in the same value."""
    # No time limit here: the parent stops a process that is late.
    expected = parse(question["expected"], parsing_timeout=None)
    actual = parse(question["actual"], parsing_timeout=None)
    if not expected:
        return {"same": False, "reason": Reason.BAD_DEMONSTRATION, "detail": "no value is found in it"}
    if not actual:
        return {"same": False, "reason": Reason.PARSE_FAILURE, "detail": "no value is found in it"}
    if verify(expected, actual, float_rounding=question["decimals"], timeout_seconds=None):
        return {"same": True}
    return {
        "same": False,
        "reason": Reason.WRONG_RESULT,
        "detail": f"{actual[-1]!s:.200}, expected {expected[-1]!s:.200}",
    }


def main() -> None:
    """Answer until the parent closes the pipe."""
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = compare(json.loads(line))
        except Exception as error:  # a computer algebra system may raise anything on a sampled text
            answer = {"same": False, "reason": Reason.NOT_RUN, "detail": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
