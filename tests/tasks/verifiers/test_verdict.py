from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.verifiers.kinds import KINDS, ExactSettings
from tasks.verifiers.verdict import EQUAL, EQUIVALENT, EXCERPT, Reason, Verdict, excerpt, no


def test_verdicts() -> None:
    assert (EQUAL.reward, EQUIVALENT.reward) == (1.0, 1.0)
    assert no(Reason.EMPTY, "nothing") == Verdict(0.0, Reason.EMPTY, "nothing")


@pytest.mark.parametrize(("value", "text"), [("a'b", '"a\'b"'), (1, "1"), ({"a": None}, "{'a': None}")])
def test_an_excerpt_is_quoted(value: object, text: str) -> None:
    assert excerpt(value) == text


@pytest.mark.parametrize("value", ["x" * 10**6, ["x" * 10**4], "\n" * 10**6])
def test_an_excerpt_is_short(value: object) -> None:
    assert len(excerpt(value)) <= EXCERPT + 2


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_settings_refuse_what_they_do_not_know(settings: type[ExactSettings]) -> None:
    with pytest.raises(ValidationError, match="no_such_key"):
        settings.model_validate({"no_such_key": 1})


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ExactSettings().kind = "tool_name"  # type: ignore[assignment,misc]
