"""Any JSON value is read or rejected, nothing else is raised; also where one piece of a good record was replaced."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.stages.ingest.containers import episodes
from tasks.stages.ingest.episode import Rejected
from tasks.stages.ingest.formats import FORMATS, read
from tasks.stages.ingest.trajectory import trajectory
from tests.tasks.stages.ingest.builders import EXAMPLES, TAU2_RESULTS

KEYS = [
    "role",
    "from",
    "type",
    "content",
    "messages",
    "tool_calls",
    "history",
    "action",
    "input",
    "output",
    "id",
    "value",
]
WORDS = ["user", "assistant", "tool", "text", "function_call", "message", "[]", "{}", "", "[1]"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
RECORDS = {**EXAMPLES, "tau2_results": TAU2_RESULTS}


def taken_or_rejected(value: Any) -> None:
    for episode in episodes(value):
        with contextlib.suppress(Rejected):
            name, recorded = read(episode)
            trajectory(recorded, name, "file:///a", 0, "")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of every piece of a value."""
    pieces = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, piece in pieces for place in places(piece, (*path, key))]


def replaced(value: Any, path: tuple[Any, ...], piece: Any) -> Any:
    if not path:
        return piece
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], piece)
    return changed


@given(value=JSON)
@settings(max_examples=200, deadline=None)
def test_any_value(value: Any) -> None:
    taken_or_rejected(value)
    for form in FORMATS.values():
        assert form.recognises(value) in (True, False)


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_good_record_with_one_piece_replaced(name: str, data: st.DataObject) -> None:
    record = RECORDS[name]
    taken_or_rejected(replaced(record, data.draw(st.sampled_from(places(record))), data.draw(JSON)))
