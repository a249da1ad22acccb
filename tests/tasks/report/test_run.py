import base64
import json

import pytest

from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.evaluations import EVALUATIONS
from schemas.profiles import PROFILES
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame
from tasks.report.run import aligned, evaluation_rows, stage_rows, text, write_report
from tasks.store.store import Store
from tests.builders import NoSettings, commit_states, commit_trajectories, trajectory

CONFIG = PipelineConfig(model="desk", ingest=IngestConfig(source="<script>alert(1)</script>.jsonl"))
PROFILE = {"trajectory_id": "a", "turn_index": 0, "domain": "desk", "kind": "call", "tool": "", "n": 8} | {
    "successes": 4,
    "mean": 0.5,
    "variance": 0.25,
    "min": 0.0,
    "max": 1.0,
    "low": 0.0,
    "high": 1.0,
    "distinct_actions": 1,
    "parse_failures": 0,
}


def commit(store: Store, stage: str, table, rows: list[dict], **inputs: str) -> Artefact:
    definition = Stage(stage, version=1, tables={stage: table})
    return obtain(definition, NoSettings(), inputs, store, lambda writer: writer.write(0, {stage: frame(table, rows)}))


def evaluation(policy: str, greedy: float, sampled: float, error: float = 0.02) -> list[dict]:
    row = {"policy": policy, "suite": "states", "domain": "desk", "scope": "in_domain", "metric": "pass_rate"}
    return [
        {**row, "temperature": t, "value": v, "n": 400, "standard_error": error}
        for t, v in ((0.0, greedy), (1.0, sampled))
    ]


@pytest.fixture
def artefacts(store: Store) -> list[Artefact]:
    trajectories = commit_trajectories(store, [[trajectory(0)], [trajectory(1)]])
    states = commit_states(store, trajectories)
    profiles = commit(store, "profiles", PROFILES, [PROFILE])
    base = commit(store, "evaluations", EVALUATIONS, evaluation("p0", 0.79, 0.7), policy="p0")
    candidate = commit(store, "evaluations", EVALUATIONS, evaluation("p1", 0.9, 0.85)[::-1], policy="p1")
    return [trajectories, states, profiles, base, candidate]


def test_the_evaluation_stands_side_by_side(store: Store, artefacts: list[Artefact]) -> None:
    rows = evaluation_rows(store, artefacts)
    pass_rates = [(row["temperature"], row["base"], row["candidate"]) for row in rows]
    assert pass_rates == [(0.0, 0.79, 0.9), (1.0, 0.7, 0.85)], "paired, whatever the order of their rows"
    assert rows[0]["n"] == 400 and rows[0]["base_standard_error"] == rows[0]["candidate_standard_error"] == 0.02
    assert evaluation_rows(store, artefacts[:-1]) == []


def test_the_final_table_tells_stages_and_change(store: Store, artefacts: list[Artefact]) -> None:
    lines = text(artefacts, evaluation_rows(store, artefacts), "there").splitlines()
    assert lines[0].split() == ["stage", "rows", "version", "seconds", "cached", "reasons"]
    assert artefacts[1].version in lines[2]
    heads = [line.split() for line in lines if line.startswith("evaluation ")]
    assert heads == [["evaluation", "scope", "T", "n", "base", "candidate", "change"]]
    assert any("0.790 ± 0.020  0.900 ± 0.020  +0.110" in line for line in lines)
    assert lines[-1] == "report: there"
    keys = {"stage", "version", "rows", "bytes", "seconds", "cached", "uri", "reasons"}
    assert all(set(row) == keys for row in stage_rows(artefacts))
    json.dumps(stage_rows(artefacts))


def test_the_final_table_tells_what_was_lost(store: Store, artefacts: list[Artefact]) -> None:
    reasons = {"duplicate": 12, "not_successful": 1836, "unknown_format": 415, "binary": 3, "truncated": 4}
    lines = text([artefacts[0].model_copy(update={"reasons": reasons}), artefacts[1]], [], "there").splitlines()
    assert lines[1].endswith("  1,836 not_successful, 415 unknown_format, 12 duplicate, 7 for 2 more reasons")
    assert lines[0].index("reasons") == lines[1].index("1,836"), "to the left, as text is"
    assert "reason" not in lines[2]


def test_numbers_are_aligned_to_the_right() -> None:
    assert aligned([("a", "n", "reasons"), ("long", "1", "x"), ("b", "1,000", "")]) == (
        "a         n  reasons\nlong      1  x\nb     1,000"
    )


def page(store: Store, url: str) -> str:
    return store.objects.get(url.removeprefix(store.objects.full(""))).decode()


def test_the_report_is_one_page_with_its_plots_and_no_ones_script(store: Store, artefacts: list[Artefact]) -> None:
    html = page(store, write_report(store, CONFIG, 0.9, artefacts))
    assert html.count('<img src="data:image/png;base64,') == 2
    image = html.split("data:image/png;base64,", 1)[1].split('"', 1)[0]
    assert base64.b64decode(image).startswith(b"\x89PNG")
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "http" not in html.replace("http://www.w3.org", ""), "the page loads something"


def test_a_report_of_the_first_stages_has_no_plots(store: Store, artefacts: list[Artefact]) -> None:
    html = page(store, write_report(store, CONFIG, 0.9, artefacts[:2]))
    assert "<img" not in html and artefacts[1].version in html
