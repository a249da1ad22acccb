"""What formats share: lists, ids and small fields."""

import math

from tasks.stages.ingest.episode import ID_LENGTH, as_id, as_list, content_id, json_text, small_fields


def test_a_list_may_be_json_text() -> None:
    assert as_list([1]) == as_list(" [1]") == [1]
    assert [as_list(value) for value in ('{"a": 1}', "[1", "[" * 100_000, None, {"a": 1}, 3)] == [None] * 6


def test_an_id_is_the_first_text_or_number() -> None:
    assert as_id(None, "", True, [], 0, "b") == "0"
    assert as_id("a", 1) == "a" and as_id(2.5) == "2.5" and as_id() == as_id(None) == ""


def test_metadata_holds_flags_finite_numbers_and_short_texts() -> None:
    record = {"trial": 1, "done": False, "cost": 0.5, "nan": math.nan, "inf": math.inf, "model": "m", "empty": ""}
    kept = {"trial": 1, "done": False, "cost": 0.5, "model": "m"}
    assert small_fields({**record, "long": "x" * 201, "list": [1], "none": None}) == kept
    assert small_fields(record, ("trial", "cost")) == {"done": False, "model": "m"}


def test_ids_and_texts_are_of_the_content() -> None:
    assert content_id(b"a") == content_id(b"a") != content_id(b"b")
    assert len(content_id(b"")) == ID_LENGTH
    assert json_text({"b": "Zoë", "a": [1]}) == '{"b":"Zoë","a":[1]}'
