import pytest

from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.store.tags import set_tag, text
from tests.builders import commit_trajectories, trajectory


def test_a_tag_is_put_and_moved(store: Store) -> None:
    first, second = (commit_trajectories(store, [[trajectory(number)]]).ref for number in (0, 1))
    assert set_tag(store, first, "good")["before"] is None
    moved = set_tag(store, second, "good")
    assert moved == {"stage": "trajectories", "version": second.version, "tag": "good", "before": first.version}
    assert store.resolve("trajectories@good") == second
    assert text(moved) == f"trajectories@good is trajectories@{second.version}, before at {first.version}"


def test_a_tag_that_would_mislead_is_refused(store: Store) -> None:
    first, second = (commit_trajectories(store, [[trajectory(number)]]).ref for number in (0, 1))
    with pytest.raises(ConfigurationError, match="moved by every run"):
        set_tag(store, first, "latest")
    with pytest.raises(ConfigurationError, match="is a version of trajectories"):
        set_tag(store, first, second.version)
    with pytest.raises(ConfigurationError, match="use letters"):
        set_tag(store, first, "../states")
    with pytest.raises(NotInStore):
        set_tag(store, Ref(stage="trajectories", version="gone"), "good")
    assert store.resolve("trajectories") == second
