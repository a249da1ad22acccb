import pytest

from tasks.errors import ConfigurationError, NotInStore
from tasks.store.lineage import ancestors, lineage, parent, pivots_lineage
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store


def commit(store: Store, stage: str, version: str, **inputs: str) -> Ref:
    store.commit(Manifest(stage=stage, version=version, stage_version=1, config={}, inputs=inputs, parts=()))
    return Ref(stage=stage, version=version)


def test_only_artefacts_are_ancestors() -> None:
    inputs = {
        "states": "states@a",
        "policy": "policies@b",
        "pivots": "",
        "seed": "3",
        "verifier": 'judge/1 {"u": "a@b"}',
    }
    manifest = Manifest(stage="policies", version="c", stage_version=1, config={}, inputs=inputs, parts=())
    assert ancestors(manifest) == [Ref(stage="states", version="a")]


def test_of_each_stage_the_nearest_counts(store: Store) -> None:
    old = commit(store, "states", "old")
    states = commit(store, "states", "new", source=str(old))
    scores = commit(store, "scores", "s", states=str(states))
    profiles = commit(store, "profiles", "p", scores=str(scores), states=str(states))
    manifests = lineage(store, profiles)
    assert {stage: manifest.version for stage, manifest in manifests.items()} == {
        "profiles": "p",
        "scores": "s",
        "states": "new",
    }
    assert parent(manifests, "states", profiles) == states


def test_what_is_gone_is_named(store: Store) -> None:
    profiles = commit(store, "profiles", "p", states="states@gone")
    with pytest.raises(NotInStore, match="no states@gone"):
        lineage(store, profiles)
    with pytest.raises(NotInStore, match="scores@s was not made from any states"):
        parent({}, "states", Ref(stage="scores", version="s"))


def test_only_pivots_have_the_lineage_of_pivots(store: Store) -> None:
    profiles = commit(store, "profiles", "p")
    pivots = commit(store, "pivots", "q", profiles=str(profiles))
    assert set(pivots_lineage(store, pivots)) == {"pivots", "profiles"}
    with pytest.raises(ConfigurationError, match="profiles@p is no set of pivots; name one as pivots@VERSION"):
        pivots_lineage(store, profiles)
