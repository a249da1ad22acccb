import base64
import json

import pytest

from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.evaluations import EVALUATIONS
from schemas.profiles import PROFILES
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame
from tasks.errors import ConfigurationError
from tasks.report.listing import listed
from tasks.report.run import evaluation_rows, stage_rows, text, write_report
from tasks.report.showing import shown, zero_variance
from tasks.report.showing import text as shown_text
from tasks.store.store import Store
from tests.builders import NoSettings, commit_states, commit_trajectories, trajectory

CONFIG = PipelineConfig(model="desk", ingest=IngestConfig(source="<script>alert(1)</script>.jsonl"))


def made(store: Store, stage: str, table, rows: list[dict], **inputs: str) -> Artefact:
    definition = Stage(stage, version=1, tables={stage: table})
    return obtain(definition, NoSettings(), inputs, store, lambda writer: writer.write(0, {stage: frame(table, rows)}))


def evaluation(policy: str, greedy: float, sampled: float, error: float = 0.02) -> list[dict]:
    row = {"policy": policy, "suite": "states", "domain": "desk", "scope": "in_domain", "metric": "pass_rate"}
    return [
        {**row, "temperature": t, "value": v, "n": 400, "standard_error": error}
        for t, v in ((0.0, greedy), (1.0, sampled))
    ]


def profiles(rewards: list[tuple[float, float]]) -> list[dict]:
    """A profile of each (min, max)."""
    common = {"domain": "desk", "kind": "call", "tool": "", "n": 8, "successes": 0, "mean": 0.5, "variance": 0.1}
    rest = {"low": 0.0, "high": 1.0, "distinct_actions": 1, "parse_failures": 0}
    return [
        {"trajectory_id": "a", "turn_index": i, **common, "min": low, "max": high, **rest}
        for i, (low, high) in enumerate(rewards)
    ]


@pytest.fixture
def artefacts(store: Store) -> list[Artefact]:
    trajectories = commit_trajectories(store, [[trajectory(0)], [trajectory(1)]])
    states = commit_states(store, trajectories)
    measured = made(store, "profiles", PROFILES, profiles([(0, 1), (1, 1), (0, 0), (0.3, 0.1 + 0.2)]))
    before = made(store, "evaluations", EVALUATIONS, evaluation("p0", 0.79, 0.7), policy="p0")
    after = made(store, "evaluations", EVALUATIONS, evaluation("p1", 0.9, 0.85), policy="p1")
    return [trajectories, states, measured, before, after]


def test_the_evaluation_stands_side_by_side(store: Store, artefacts: list[Artefact]) -> None:
    rows = evaluation_rows(store, artefacts)
    assert [(row["temperature"], row["before"], row["after"]) for row in rows] == [(0.0, 0.79, 0.9), (1.0, 0.7, 0.85)]
    assert rows[0]["n"] == 400 and rows[0]["before_standard_error"] == 0.02
    assert evaluation_rows(store, artefacts[:-1]) == []


def test_the_final_table_tells_stages_and_change(store: Store, artefacts: list[Artefact]) -> None:
    said = text(artefacts, evaluation_rows(store, artefacts), "there")
    assert said.splitlines()[0].split() == ["stage", "rows", "version", "seconds", "cached", "reasons"]
    assert f"{artefacts[1].version}" in said
    assert "0.790 ± 0.020  0.900 ± 0.020  +0.110" in said
    assert said.endswith("report: there")
    keys = {"stage", "version", "rows", "bytes", "seconds", "cached", "uri", "reasons"}
    assert all(set(row) == keys for row in stage_rows(artefacts))
    json.dumps(stage_rows(artefacts))


def test_the_final_table_tells_what_was_lost(store: Store, artefacts: list[Artefact]) -> None:
    reasons = {"duplicate": 12, "not_successful": 1836, "unknown_format": 415, "binary": 3, "truncated": 4}
    said = text([artefacts[0].model_copy(update={"reasons": reasons}), artefacts[1]], [], "there").splitlines()
    assert said[1].endswith("  1,836 not_successful, 415 unknown_format, 12 duplicate, 7 for 2 more reasons")
    assert said[0].index("reasons") == said[1].index("1,836"), "to the left, as text is"
    assert "reason" not in said[2]


def test_the_report_is_one_page_with_its_plots_and_no_ones_script(store: Store, artefacts: list[Artefact]) -> None:
    where = write_report(store, CONFIG, 0.9, artefacts)
    page = store.objects.get(where.removeprefix(store.objects.full(""))).decode()
    assert page.count('<img src="data:image/png;base64,') == 2
    image = page.split("data:image/png;base64,", 1)[1].split('"', 1)[0]
    assert base64.b64decode(image).startswith(b"\x89PNG")
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", ""), "the page loads something"


def test_a_report_of_the_first_stages_has_no_plots(store: Store, artefacts: list[Artefact]) -> None:
    where = write_report(store, CONFIG, 0.9, artefacts[:2])
    page = store.objects.get(where.removeprefix(store.objects.full(""))).decode()
    assert "<img" not in page and artefacts[1].version in page


def test_zero_variance_is_judged_on_the_raw_rewards(store: Store, artefacts: list[Artefact]) -> None:
    found = shown(store, artefacts[2].ref, rows=1)
    assert found["zero_variance"] == 0.75, "0.1 + 0.2 is 0.3"
    assert zero_variance(frame(PROFILES, [])) == 0.0


def test_show_reads_no_more_parts_than_it_shows(store: Store, artefacts: list[Artefact]) -> None:
    store.objects.remove(f"trajectories/{artefacts[0].version}/{store.manifest(artefacts[0].ref).parts[2].key}")
    found = shown(store, artefacts[0].ref, rows=1)
    assert len(found["sample"]) == 1 and found["rows"] == 2
    json.dumps(found)
    assert "(" in shown_text({**found, "config": {"x": "y" * 1000}}) and "y" * 500 not in shown_text(
        {**found, "config": {"x": "y" * 1000}}
    )


def test_show_shows_any_of_the_tables(store: Store, artefacts: list[Artefact]) -> None:
    ref = artefacts[0].ref
    found = shown(store, ref, rows=1, table="toolsets")
    assert set(found["sample"][0]) == set(store.read(ref, "toolsets").columns)
    assert found["parts"] == store.urls(ref, "toolsets") and "row 0" in shown_text(found)
    with pytest.raises(ConfigurationError, match=f"{ref} has no table 'unselected'; its tables are .*toolsets, traj"):
        shown(store, ref, rows=1, table="unselected")


def test_the_listing_names_tags_and_lineage(store: Store, artefacts: list[Artefact]) -> None:
    store.tag(artefacts[3].ref, "baseline")
    rows = listed(store, "evaluations")
    assert [row["tags"] for row in rows] == [["baseline"], ["latest"]]
    assert rows[0]["inputs"] == {"policy": "p0"}
    assert [row["stage"] for row in listed(store, None)] == [a.stage for a in artefacts]
