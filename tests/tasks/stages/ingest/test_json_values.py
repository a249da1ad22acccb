"""JSON text to values: exact integers, what Python writes and JSON forbids, and the reason for all else."""

import io
import json

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rejects import RAW_LIMIT, RejectReason
from tasks.stages.ingest.json_values import MAX_DEPTH, Fault, Value, decoded, parsed_elements


@pytest.mark.parametrize("text", ["%d", "[%d]", '{"n": %d}', '{"a":"%d","n":-0.%d,"m":%d}'])
@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, 10**19, -(2**63), -(2**63) - 1, -(10**18), 10**40])
def test_each_long_integer_is_exact(number: int, text: str) -> None:
    written = text.replace("-0.%d", f"0.{abs(number)}").replace("%d", str(number))
    value = decoded(written.encode(), "")
    assert isinstance(value, Value) and value.value == json.loads(written)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_what_json_writes_is_read_as_it_was(value: object) -> None:
    assert decoded(json.dumps(value).encode(), "") == Value(value, "")


@given(st.lists(JSON, max_size=4))
def test_streamed_elements_are_those_of_the_list(values: list[object]) -> None:
    assert list(parsed_elements(io.BytesIO(json.dumps(values).encode()))) == values


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": [1', RejectReason.TRUNCATED),
        (b'{"a": "b', RejectReason.TRUNCATED),
        (b"", RejectReason.TRUNCATED),
        (b'{"a": b}', RejectReason.INVALID_JSON),
        (b'{"a": 1} {"b": 2}', RejectReason.INVALID_JSON),
        (b'"\xff"', RejectReason.INVALID_UTF8),
        (b"[" * 100_000, RejectReason.INVALID_JSON),
        (b"9" * 5000, RejectReason.INVALID_JSON),
    ],
)
def test_a_fault_has_its_reason_and_place_and_shows_the_beginning(text: bytes, reason: RejectReason) -> None:
    fault = decoded(text, "line 3")
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.where, fault.raw) == (reason, "line 3", text[:RAW_LIMIT])
    assert fault.detail


def test_half_a_surrogate_pair_is_replaced_in_keys_and_values() -> None:
    value = decoded(b'{"a\\ud83d": ["\\ude00"]}', "")
    assert value == Value({"a\ufffd": ["\ufffd"]}, "")


def test_a_streamed_list_nested_too_deeply_or_cut_off_is_an_error() -> None:
    with pytest.raises(ValueError, match=f"deeper than {MAX_DEPTH}"):
        list(parsed_elements(io.BytesIO(b"[" * (MAX_DEPTH + 2))))
    elements = parsed_elements(io.BytesIO(b"[1, [2], {"))
    assert [next(elements), next(elements)] == [1, [2]]
    with pytest.raises(ijson.IncompleteJSONError):
        next(elements)
