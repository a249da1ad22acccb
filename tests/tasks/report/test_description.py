import json

import pytest

from schemas.profiles import PROFILES
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame
from tasks.errors import ConfigurationError
from tasks.report.description import describe, text, zero_variance
from tasks.store.store import Store
from tests.builders import NoSettings, commit_trajectories, trajectory


@pytest.fixture
def trajectories(store: Store) -> Artefact:
    return commit_trajectories(store, [[trajectory(0)], [trajectory(1)]])


def commit_profiles(store: Store, rewards: list[tuple[float, float]]) -> Artefact:
    """A profile of each (min, max)."""
    common = {"domain": "desk", "kind": "call", "tool": "", "n": 8, "successes": 0, "mean": 0.5, "variance": 0.1}
    rest = {"low": 0.0, "high": 1.0, "distinct_actions": 1, "parse_failures": 0}
    rows = [
        {"trajectory_id": "a", "turn_index": i, **common, "min": low, "max": high, **rest}
        for i, (low, high) in enumerate(rewards)
    ]
    stage = Stage("profiles", version=1, tables={"profiles": PROFILES})
    return obtain(stage, NoSettings(), {}, store, lambda writer: writer.write(0, {"profiles": frame(PROFILES, rows)}))


def test_zero_variance_is_judged_on_the_raw_rewards(store: Store) -> None:
    profiles = commit_profiles(store, [(0, 1), (1, 1), (0, 0), (0.3, 0.1 + 0.2)])
    assert describe(store, profiles.ref, rows=1)["zero_variance"] == 0.75, "0.1 + 0.2 is 0.3"
    assert zero_variance(frame(PROFILES, [])) == 0.0


def test_show_reads_no_more_parts_than_it_shows(store: Store, trajectories: Artefact) -> None:
    manifest = store.manifest(trajectories.ref)
    second = manifest.table("trajectories")[1]
    store.objects.remove(f"trajectories/{trajectories.version}/{second.key}")
    description = describe(store, trajectories.ref, rows=1)
    assert len(description["sample"]) == 1 and description["rows"] == 2
    assert description["inputs"] == manifest.inputs and description["tables"] == {"toolsets": 1, "trajectories": 2}
    json.dumps(description)


def test_a_person_reads_numbers_and_rows_with_long_values_cut(store: Store, trajectories: Artefact) -> None:
    description = describe(store, trajectories.ref, rows=2)
    lines = text({**description, "config": {"x": "y" * 1000}, "by_source": {"a.jsonl": {"rows": 1234}}}).splitlines()
    assert lines[0] == str(trajectories.ref)
    assert "  rows: 2" in lines and "  a.jsonl: 1,234 rows" in lines and "row 1" in lines
    (config,) = (line for line in lines if line.startswith("  config: "))
    assert config.endswith("y... (1,009 characters)") and len(config) < 450
    assert not [line for line in lines if line.startswith("  reasons")], "what is empty is not shown"


def test_show_shows_any_of_the_tables(store: Store, trajectories: Artefact) -> None:
    ref = trajectories.ref
    description = describe(store, ref, rows=1, table="toolsets")
    assert set(description["sample"][0]) == set(store.read(ref, "toolsets").columns)
    assert description["parts"] == store.urls(ref, "toolsets") and "row 0" in text(description)
    with pytest.raises(ConfigurationError, match=f"{ref} has no table 'unselected'; its tables are .*toolsets, traj"):
        describe(store, ref, rows=1, table="unselected")
