from __future__ import annotations

import time

import pytest

from tasks.errors import ConfigurationError
from tasks.policy.parsing import Completion
from tasks.verifiers.build import build
from tasks.verifiers.kinds import MathSettings, mathematics
from tasks.verifiers.verdict import Reason, Verdict, Verify
from tests.tasks.verifiers.asking import at, call, says


@pytest.fixture(scope="module")
def verify() -> Verify:
    return build(MathSettings(timeout_s=10))


def ask(verify: Verify, expected: str, actual: Completion) -> Verdict:
    return verify(at(), says(expected), actual)


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (r"So it is \boxed{\frac{1}{2}}.", r"The answer is $0.5$", True),
        (r"\boxed{x^2 + 2x + 1}", r"\boxed{(x+1)^2}", True),
        (r"\boxed{12}", r"\boxed{21}", False),
        (r"\boxed{12}", "12 or 21 or \\boxed{21}", False),
        (r"\boxed{12}", "I cannot say.", False),
        (r"\boxed{\{1, 2\}}", r"\boxed{\{2, 1\}}", True),
    ],
)
def test_values(verify: Verify, expected: str, actual: str, same: bool) -> None:
    assert ask(verify, expected, says(actual)).reward == float(same)


def test_calls_are_left_to_tool_call(verify: Verify) -> None:
    assert verify(at(), call("t", x=1), call("t", x=1.0)).reward == 1.0
    assert ask(verify, r"\boxed{1}", call("t")).reason is Reason.WRONG_KIND


@pytest.mark.slow
def test_a_formula_that_takes_for_ever_is_stopped_and_the_next_is_answered() -> None:
    verify = build(MathSettings(timeout_s=3))
    assert ask(verify, r"\boxed{2}", says(r"\boxed{2.0}")).reward == 1.0
    began = time.monotonic()
    late = ask(verify, r"\boxed{2}", says(r"\boxed{9^{9^{9^{9}}}}"))
    assert late.reward == 0.0 and time.monotonic() - began < 30
    assert ask(verify, r"\boxed{2}", says(r"\boxed{2.0}")).reward == 1.0


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathematics.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="math-verify"):
        build(MathSettings())
