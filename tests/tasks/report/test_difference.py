import json

import pytest

from schemas.config import SelectConfig, SplitConfig
from tasks.errors import ConfigurationError, NotInStore
from tasks.report.difference import changed, difference, flat, text
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory
from tests.pivots import HALF, commit_pivots, conversation

MOST = (1.0, 1.0, 1.0, 0.0)
PARTS = [[trajectory(0, conversation(0))], [trajectory(1, conversation(1))]]
REWARDS = {(0, 1): HALF, (0, 2): MOST, (1, 1): MOST, (1, 3): (0.0,) * 4}


def test_two_selections_of_one_profile(store: Store) -> None:
    a = commit_pivots(store, PARTS, REWARDS).ref
    b = commit_pivots(store, PARTS, REWARDS, SelectConfig(max_mean=0.7)).ref
    changes = difference(store, a, b)
    assert changes["config"] == {"max_mean": {"a": 0.9, "b": 0.7}} and changes["inputs"] == {}
    assert changes["counts"] == {"pivots": {"a": 3, "b": 1}, "unselected": {"a": 1, "b": 3}}
    assert changes["reasons"] == {"too_easy": {"b": 2}}
    rows = changes["rows"]
    assert (rows["in_both"], rows["gained"], rows["lost"]) == (1, 0, 2)
    assert rows["lost_examples"] == [[f"{0:016x}", 2], [f"{1:016x}", 1]] and rows["lost_is"] == {"too_easy": 2}
    back = difference(store, b, a)["rows"]
    assert (back["gained"], back["lost"], back["gained_was"]) == (2, 0, {"too_easy": 2})
    json.dumps(changes)
    said = text(changes)
    assert "max_mean: 0.9 -> 0.7" in said and "1 in both, 0 gained, 2 lost" in said and "too_easy: (none) -> 2" in said
    assert f"  - {0:016x} 2" in said.splitlines()


def test_a_state_that_was_never_profiled_is_told_from_one_that_failed(store: Store) -> None:
    a = commit_pivots(store, PARTS, {(0, 1): HALF}).ref
    b = commit_pivots(store, PARTS, {(0, 1): HALF, (1, 1): HALF}).ref
    assert difference(store, a, b)["rows"]["gained_was"] == {"not_profiled": 1}


def test_other_stages_are_compared_by_their_own_keys(store: Store) -> None:
    fewer, more = commit_trajectories(store, PARTS[:1]), commit_trajectories(store, PARTS)
    assert difference(store, fewer.ref, more.ref)["rows"]["gained_examples"] == [[f"{1:016x}"]]
    few, many = commit_states(store, fewer), commit_states(store, more, SplitConfig(validation_fraction=0.5))
    changes = difference(store, few.ref, many.ref)
    assert changes["rows"]["gained"] == 5 and changes["config"] == {"validation_fraction": {"a": 0.0, "b": 0.5}}
    assert set(changes["inputs"]) == {"trajectories"}


def test_the_same_version_has_no_difference(store: Store) -> None:
    states = commit_states(store, commit_trajectories(store, PARTS)).ref
    assert text(difference(store, states, states)).splitlines()[-1] == "no difference"


def test_what_cannot_be_compared_is_refused(store: Store) -> None:
    trajectories = commit_trajectories(store, PARTS)
    states = commit_states(store, trajectories)
    with pytest.raises(ConfigurationError, match="different stages"):
        difference(store, trajectories.ref, states.ref)
    with pytest.raises(NotInStore, match="no states@gone"):
        difference(store, states.ref, Ref(stage="states", version="gone"))


def test_settings_are_compared_by_their_dotted_key() -> None:
    a = flat({"verifier": {"kind": "exact", "values": {}}, "skills": ["x"]})
    assert a == {"verifier.kind": "exact", "verifier.values": {}, "skills": ["x"]}
    b = flat({"verifier": {"kind": "judge", "url": "u"}, "skills": ["x"]})
    assert changed(a, b) == {
        "verifier.kind": {"a": "exact", "b": "judge"},
        "verifier.values": {"a": {}},
        "verifier.url": {"b": "u"},
    }
