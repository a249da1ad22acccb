from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tasks.verifiers.kinds.mathematics.child import compare
from tasks.verifiers.verdict import Reason


@pytest.mark.parametrize(
    ("expected", "actual", "reason"),
    [
        (r"\boxed{0.5}", r"\boxed{\frac{1}{2}}", None),
        (r"\boxed{0.5}", r"\boxed{0.6}", Reason.WRONG_RESULT),
        (r"\boxed{0.5}", "no idea", Reason.PARSE_FAILURE),
        ("no idea", r"\boxed{0.5}", Reason.BAD_DEMONSTRATION),
    ],
)
def test_two_texts_by_their_values(expected: str, actual: str, reason: Reason | None) -> None:
    answer = compare({"expected": expected, "actual": actual, "decimals": 6})
    assert (answer["same"], answer.get("reason")) == (reason is None, reason)


def test_the_protocol_is_one_line_for_one_line() -> None:
    lines = [json.dumps({"expected": "$1$", "actual": "$1$", "decimals": 6}), "no JSON"]
    done = subprocess.run(
        [sys.executable, "-m", "tasks.verifiers.kinds.mathematics.child"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=120,
    )
    ready, first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert ready == {"ready": True}
    assert first == {"same": True}
    assert (second["same"], second["reason"]) == (False, "not_run")
