from tasks.report.listing import listing, text
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory


def test_the_listing_names_tags_and_lineage(store: Store) -> None:
    first = commit_trajectories(store, [[trajectory(0)]])
    second = commit_trajectories(store, [[trajectory(0)], [trajectory(1)]])
    states = commit_states(store, first)
    store.tag(first.ref, "small")
    rows = listing(store, "trajectories")
    assert [row["tags"] for row in rows] == [["small"], ["latest"]]
    assert [row["rows"] for row in rows] == [1, 2]
    assert listing(store, "states")[0]["inputs"] == {"trajectories": str(first.ref)}
    versions = [(a.stage, a.version) for a in (first, second, states)]
    assert [(row["stage"], row["version"]) for row in listing(store, None)] == versions


def test_a_person_reads_one_line_per_artefact(store: Store) -> None:
    assert text(listing(store, None)) == "no artefacts; `pivotrl run desk` makes the first"
    artefact = commit_trajectories(store, [[trajectory(number) for number in range(3)]])
    (row,) = listing(store, None)
    header, line = text([{**row, "rows": 1234, "bytes": 2048, "seconds": 0.25}]).splitlines()
    assert header.split() == ["artefact", "rows", "KB", "seconds", "made", "(UTC)", "tags"]
    date, time = row["created_at"][:19].split("T")
    assert line.split() == [str(artefact.ref), "1,234", "2", "0.2", date, time, "latest"]
