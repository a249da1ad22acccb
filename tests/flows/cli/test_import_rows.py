import json
from pathlib import Path

import pytest

from flows.cli.import_rows import import_rows, text
from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig, SelectConfig
from tasks.artefact.stage import obtain
from tasks.errors import ConfigurationError, InputError, StageFailed
from tasks.exchange.export import export
from tasks.policy.files import Policy
from tasks.stages.select.selection import select_states
from tasks.stages.select.stage import STAGE as PIVOTS
from tasks.stages.select.stage import write_pivots
from tasks.store.lineage import lineage
from tasks.store.store import Store
from tests.builders import trajectory
from tests.pivots import HALF, commit_pivots, conversation

MOST = (1.0, 1.0, 1.0, 0.0)


@pytest.fixture
def rows(store: Store, tmp_path: Path) -> Path:
    """Rows of 20 states: of each task one at 0.5 and one at 0.75."""
    parts = [[trajectory(number, conversation(number)) for number in range(10)]]
    rewards = {(number, turn): row for number in range(10) for turn, row in ((1, HALF), (3, MOST))}
    path = tmp_path / "rows.jsonl"
    export(store, commit_pivots(store, parts, rewards).ref, "nemo-gym", path)
    return path


def test_recorded_pass_rates_are_profiles_of_another_policy(rows: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "other"))
    trajectories, states, profiles = made = list(import_rows(str(rows), store))
    assert [artefact.stage for artefact in made] == ["trajectories", "states", "profiles"]
    assert trajectories.rows == 20
    manifest = store.manifest(profiles.ref)
    assert manifest.inputs == {"states": str(states.ref), "policy": "recorded"}
    assert manifest.summary["profiled_by"].startswith("another policy")
    assert set(lineage(store, profiles.ref)) == {"profiles", "states", "trajectories"}
    selected, others = select_states(store.read(profiles.ref), SelectConfig(max_mean=0.6), seed=0)
    assert selected.height + others.height == profiles.rows
    assert set(selected["mean"]) == {0.5} and set(others["mean"]) == {0.75}
    assert "profiled by another policy" in text(made) and f"--from {profiles.ref}" in text(made)
    assert all(artefact.cached for artefact in import_rows(str(rows), store)), "the same rows are imported once"


def test_both_states_of_a_task_are_on_one_side(rows: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "other"))
    trajectories, states, _ = import_rows(str(rows), store)
    tasks = store.read(trajectories.ref).select("trajectory_id", "task_id")
    sides = store.read(states.ref).filter(excluded="").join(tasks, on="trajectory_id").group_by("task_id")
    counted = sides.agg(splits=("split"), n=("split")).rows(named=True)
    assert len(counted) == 10 and all(len(set(row["splits"])) == 1 and len(row["n"]) == 2 for row in counted)


def test_rows_without_pass_rates_give_states_only(rows: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    keep = ("responses_create_params", "expected_action")
    plain.write_text("\n".join(json.dumps({key: line[key] for key in keep}) for line in lines))
    made = list(import_rows(str(plain), Store(str(tmp_path / "other"))))
    assert [artefact.stage for artefact in made] == ["trajectories", "states"]
    assert "no row has a recorded pass rate or reward" in text(made)


def test_rollouts_of_a_state_make_its_profile(rows: Path, tmp_path: Path) -> None:
    rollouts = tmp_path / "rollouts.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    said = {"type": "message", "role": "assistant", "content": "No."}
    sampled = [
        {
            **{key: line[key] for key in ("responses_create_params", "expected_action", "agent_ref", "task_id")},
            "response": {"output": [said if sample else {**line["expected_action"], "type": "message"}]},
            "reward": float(sample == 0 or number % 2),
            "_ng_task_index": number,
            "_ng_rollout_index": sample,
        }
        for sample in range(4)
        for number, line in enumerate(lines)
    ]
    rollouts.write_text("\n".join(map(json.dumps, sampled)))
    store = Store(str(tmp_path / "other"))
    trajectories, _, profiles = made = list(import_rows(str(rollouts), store))
    assert trajectories.rows == 20 and trajectories.reasons == {"duplicate": 60}
    table = store.read(profiles.ref)
    assert set(table["n"]) == {4} and set(table["mean"]) == {0.25, 1.0} and set(table["distinct_actions"]) == {2}
    assert store.manifest(profiles.ref).inputs["policy"] == "recorded"
    assert "profiled by another policy" in text(made)
    assert all(artefact.cached for artefact in import_rows(str(rollouts), store))


def test_a_source_with_a_credential_is_refused(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="environment variables") as refused:
        list(import_rows("s3://KEY:hidden@bucket/rows.jsonl", store))
    assert "hidden" not in str(refused.value)


def test_other_files_are_refused_with_their_reasons(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}')
    with pytest.raises(StageFailed, match="1 unknown_format"):
        list(import_rows(str(path), Store(str(tmp_path / "other"))))
    with pytest.raises(InputError, match="no such file"):
        list(import_rows(str(tmp_path / "gone"), Store(str(tmp_path / "other"))))


def test_a_run_from_recorded_profiles_samples_nothing(rows: Path, tmp_path: Path) -> None:
    from flows.pivotrl import demonstrations, training
    from flows.reuse import EndOfRun, Run, existing_artefacts

    store = Store(str(tmp_path / "other"))
    *_, profiles = import_rows(str(rows), store)
    config = SelectConfig()
    inputs = {"profiles": str(profiles.ref), "seed": "0"}
    selected = obtain(
        PIVOTS, config, inputs, store, lambda writer: write_pivots(writer, store, profiles.ref, config, 0)
    )
    c = PipelineConfig(model="desk", ingest=IngestConfig(source=str(rows)), store=store.root)
    run = Run(existing_artefacts(store, str(selected.ref)), until="pivots")
    data = demonstrations(c, run)
    with pytest.raises(EndOfRun):
        training(c, data, Policy(location="nowhere", version="none"), run)
    assert [artefact.stage for artefact in run.artefacts] == ["trajectories", "states", "profiles", "pivots"]
