"""Each case is one that some naive comparer gets wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.chat import Action
from tasks.policy.parsing import ParseFailure, ParseReason
from tasks.verifiers.comparing.values import Comparer
from tasks.verifiers.kinds import SearchSettings, TerminalSettings, ToolCallSettings
from tasks.verifiers.verdict import Reason
from tests.tasks.verifiers.asking import at, call, calls, says, tool, verdict

BOOK = tool(
    "book",
    ("flight", "cabin"),
    flight={"type": "string"},
    cabin={"type": "string", "enum": ["economy", "Economy", "business"]},
    seats={"type": "integer", "default": 1},
    note={"type": "string"},
)
WANTED = call("book", flight="HAT001", cabin="economy")


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (call("book", cabin="economy", flight="HAT001"), Reason.EQUIVALENT),
        (call("book", flight="HAT001", cabin="economy", seats=1), Reason.EQUIVALENT),
        (call("book", flight="HAT001", cabin="economy", note=None), Reason.EQUIVALENT),
        (call("book", flight="HAT001", cabin="economy", seats=2), Reason.EXTRA_ARGUMENT),
        (call("book", flight="HAT001", cabin="economy", made_up=1), Reason.EXTRA_ARGUMENT),
        (call("book", flight="HAT001"), Reason.MISSING_ARGUMENT),
        (call("book"), Reason.MISSING_ARGUMENT),
        (call("book", flight="HAT002", cabin="economy"), Reason.WRONG_ARGUMENT),
        (call("book", flight="HAT001", cabin="Economy"), Reason.WRONG_ARGUMENT),
        (call("cancel", flight="HAT001", cabin="economy"), Reason.WRONG_TOOL),
        (calls(("book", '{"flight": "HAT001", "cabin":')), Reason.PARSE_FAILURE),
        (calls(("book", '["HAT001"]')), Reason.PARSE_FAILURE),
        (calls(("book", '{"flight": "HAT002", "flight": "HAT001", "cabin": "economy"}')), Reason.PARSE_FAILURE),
        (says("I will book HAT001 in economy."), Reason.WRONG_KIND),
        (Action(), Reason.EMPTY),
        (ParseFailure(ParseReason.BAD_JSON, ""), Reason.PARSE_FAILURE),
        (calls(("book", {"flight": "HAT001", "cabin": "economy"}), ("book", {})), Reason.CALL_COUNT),
    ],
)
def test_a_call_under_its_schema(actual: Action, reason: Reason) -> None:
    answer = verdict(ToolCallSettings(), WANTED, actual, at(BOOK))
    assert answer.reason is reason, answer
    assert answer.reward == float(reason is Reason.EQUIVALENT)


def test_a_required_argument_that_is_absent_on_both_sides_of_a_common_key_check_fails() -> None:
    """The exploit that grew from 1% to 29%: only keys on both sides were compared."""
    expected = call("book", flight="HAT001", cabin="economy")
    assert verdict(ToolCallSettings(), expected, call("book", cabin="economy"), at(BOOK)).reward == 0.0
    assert verdict(ToolCallSettings(), expected, call("book", cabin="economy"), at()).reward == 0.0


def test_a_default_does_not_stand_for_a_required_argument() -> None:
    strict = tool("t", ("n",), n={"type": "integer", "default": 1})
    assert verdict(ToolCallSettings(), call("t", n=1), call("t"), at(strict)).reason is Reason.MISSING_ARGUMENT


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1.5, 1.6, False),
        (1, True, False),
        (0, False, False),
        (None, 0, False),
        (1000000, 1000001, False),
        (1000000.0, 1000001, False),
        (10**400, 10**400 + 1, False),
        (10**400, 0.5, False),
        ("1", 1, False),
        ("ls", "ls -la", False),
        ("a", "A", False),
        ([1, 2], [2, 1], False),
        ([1, 2], [1, 2, 2], False),
        ({"a": {"b": 1}}, {"a": {"b": 1.0}}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, False),
        ([], {}, False),
        ("", None, False),
    ],
)
def test_values_by_value(expected: Any, actual: Any, same: bool) -> None:
    assert verdict(ToolCallSettings(), call("t", x=expected), call("t", x=actual)).reward == float(same)


TEXTS = [
    # text of the demonstration, of the sample, and whether: normalised, similar at 0.6, any
    ("Refund the order", "refund  the ORDER", True, True, True),
    ("Refund the order now", "refund now the order", False, True, True),
    ("Refund order 17", "Refund order 18", False, False, True),
    ("Ask jane_doe", "ask JANE_DOE", False, False, True),
    ("a b c d", "e f g h", False, False, True),
    ("the user does want a refund", "the user does not want a refund", False, False, True),
    ("The user can pay with it", "The user can't pay with it", False, False, True),
    ("a course on C++ for adults", "a course on C for adults", False, False, True),
    ("user wants a refund", "", False, False, False),
    ("我要退款", "我要退款吗", False, True, True),
]


@pytest.mark.parametrize(("expected", "actual", "normalised", "similar", "any_text"), TEXTS)
def test_texts_by_comparer(expected: str, actual: str, normalised: bool, similar: bool, any_text: bool) -> None:
    for text, same in (("exact", False), ("normalised", normalised), ("similar", similar), ("any", any_text)):
        settings = ToolCallSettings(arguments={"t.note": Comparer(text=text)})  # type: ignore[arg-type]
        assert verdict(settings, call("t", note=expected), call("t", note=actual)).reward == float(same), text
        assert verdict(settings, call("t", note=expected), call("t", note=expected)).reward == 1.0
        assert verdict(settings, call("t", id=expected), call("t", id=actual)).reward == 0.0, (
            "no other argument is loosened"
        )


def test_identical_texts_have_similarity_one() -> None:
    """A "Jaccard" over |A| + |B| gives them 0.5."""
    settings = ToolCallSettings(values=Comparer(text="similar", min_similarity=1.0))
    assert verdict(settings, call("t", x="a b c"), call("t", x="a  b c")).reward == 1.0


def test_a_wrapper_tool_is_compared_inside() -> None:
    expected = call("execute-tool", server="fs", tool="read", params={"path": "a.txt"})
    assert (
        verdict(ToolCallSettings(), expected, call("execute-tool", server="fs", tool="read", params={})).reward == 0.0
    )
    other = call("execute-tool", server="fs", tool="delete", params={"path": "a.txt"})
    assert verdict(ToolCallSettings(), expected, other).reward == 0.0


def test_lists_as_multisets_where_asked() -> None:
    settings = ToolCallSettings(arguments={"ids": Comparer(unordered=True)})
    assert verdict(settings, call("t", ids=["a", "b", "b"]), call("t", ids=["b", "a", "b"])).reward == 1.0
    assert verdict(settings, call("t", ids=["a", "b", "b"]), call("t", ids=["b", "a", "a"])).reward == 0.0


def test_nested_defaults_and_references() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "who": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}, "id": {}}},
            "size": {"$ref": "#/$defs/Size"},
        },
        "$defs": {"Size": {"enum": ["S", "s"], "type": "string"}},
    }
    state = at({"type": "function", "function": {"name": "t", "parameters": parameters}})
    loose = ToolCallSettings(values=Comparer(text="normalised"))
    assert verdict(loose, call("t", who={"id": "x"}), call("t", who={"id": "x", "n": 1}), state).reward == 1.0
    assert verdict(loose, call("t", who={"id": "x"}), call("t", who={"id": "x", "n": 2}), state).reward == 0.0
    assert verdict(loose, call("t", size="S"), call("t", size="s"), state).reward == 0.0, "an enum is exact"


@pytest.mark.parametrize(
    "schema",
    [None, [], {"properties": None}, {"properties": {"x": None}, "required": 3}, {"properties": {"x": {"type": 4}}}],
)
def test_a_malformed_schema_says_nothing(schema: Any) -> None:
    state = at({"type": "function", "function": {"name": "t", "parameters": schema}})
    assert verdict(ToolCallSettings(), call("t", x=1), call("t", x=1.0), state).reward == 1.0


def test_a_demonstration_that_cannot_be_read_equals_itself_only() -> None:
    broken = calls(("t", '{"x": 1'))
    assert verdict(ToolCallSettings(), broken, broken).reward == 1.0
    assert verdict(ToolCallSettings(), broken, call("t", x=1)).reason is Reason.BAD_DEMONSTRATION


@pytest.mark.parametrize(
    "text",
    [
        '{"x": NaN}',
        '{"x": 1e400}',
        '{"x": ' + "[" * 100_000,
        '{"x": ' + "[" * 200 + "]" * 200 + "}",
        '{"x": "\\ud800"}',
        "x",
    ],
)
def test_bad_arguments_are_a_parse_failure(text: str) -> None:
    assert verdict(ToolCallSettings(), call("t", x=1), calls(("t", text))).reason is Reason.PARSE_FAILURE


def test_a_megabyte_and_a_thousand_calls_take_bounded_time() -> None:
    settings = ToolCallSettings(values=Comparer(text="similar", unordered=True))
    began = time.monotonic()
    assert verdict(settings, call("t", x="a b " * 250_000), call("t", x="b a " * 250_000)).reward == 0.0
    assert verdict(settings, call("t", x=list(range(50_000))), call("t", x=list(range(1, 50_001)))).reward == 0.0
    many = calls(*(("t", {"x": i}) for i in range(1000)))
    assert verdict(settings, call("t", x=1), many).reason is Reason.CALL_COUNT
    assert time.monotonic() - began < 5


def test_calls_of_a_turn_in_any_order() -> None:
    expected = calls(("a", {"x": 1}), ("b", {}))
    assert verdict(ToolCallSettings(), expected, calls(("b", {}), ("a", {"x": 1}))).reward == 1.0
    answer = verdict(ToolCallSettings(), expected, calls(("b", {}), ("a", {"x": 2})))
    assert (answer.reward, answer.reason) == (0.0, Reason.WRONG_ARGUMENT)


def test_nested_lists_do_not_multiply_the_pairs() -> None:
    def nested(depth: int, last: int) -> Any:
        return last if depth == 0 else [nested(depth - 1, last + i) for i in range(40)]

    settings = ToolCallSettings(values=Comparer(unordered=True))
    began = time.monotonic()
    assert verdict(settings, call("t", x=nested(3, 0)), call("t", x=nested(3, 1))).reward == 0.0
    assert time.monotonic() - began < 5


def test_no_similarity_of_zero_can_be_set() -> None:
    """It makes any two texts equal."""
    for settings in (Comparer, TerminalSettings, SearchSettings):
        with pytest.raises(ValidationError):
            settings(min_similarity=0)
