"""The whole pipeline, with vLLM and Prefect's engine: run it, run it again, change it, break it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.columns import SAMPLE_KEY
from schemas.stages import MADE_BY_RUN
from tasks.policy.files import DESK
from tasks.store.store import Store
from tests.flows.conftest import answer, cached, pivotrl

pytestmark = [pytest.mark.engine, pytest.mark.server]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def first(server: dict[str, str], small: Path, store: Path) -> dict[str, Any]:
    return answer(pivotrl(server, "run", str(small), "--store", str(store), "--json"))


def test_a_run_makes_every_stage(first: dict[str, Any], store: Path) -> None:
    assert [row["stage"] for row in first["stages"]] == [*MADE_BY_RUN, "evaluations"]
    assert not any(cached(first).values())
    for row in first["stages"]:
        assert row["rows"] > 0
        assert (
            pl.scan_parquet(f"{row['uri']}/{row['stage']}-*.parquet").select(pl.len()).collect().item() == row["rows"]
        )
    assert not list(store.glob("_staging/*/*"))
    assert not list(store.glob("_scratch/*/*"))


def test_the_evaluation_compares_base_and_candidate(first: dict[str, Any]) -> None:
    suites = {(row["suite"], row["domain"], row["temperature"]) for row in first["evaluation"]}
    assert suites == {
        (s, d, t) for s, d in (("states", "desk"), ("episodes", "desk"), ("skill", "addition")) for t in (0, 1)
    }
    for row in first["evaluation"]:
        assert 0 <= row["base"] <= 1
        assert 0 <= row["candidate"] <= 1
    assert Path(first["report"]).read_text().startswith("<!doctype html>")


def test_a_second_run_reuses_every_stage(
    first: dict[str, Any], server: dict[str, str], small: Path, store: Path
) -> None:
    second = answer(pivotrl(server, "run", str(small), "--store", str(store), "--json"))
    assert all(cached(second).values())
    assert [row["version"] for row in second["stages"]] == [row["version"] for row in first["stages"]]


def test_a_change_reruns_its_stage_and_what_follows(
    first: dict[str, Any], server: dict[str, str], small: Path, store: Path
) -> None:
    changed = ("--set", "select.max_mean=0.9", "--until", "pivots")
    stages = cached(answer(pivotrl(server, "run", str(small), "--store", str(store), "--json", *changed)))
    assert [stage for stage, reused in stages.items() if not reused] == ["pivots"]


def test_states_that_were_sampled_are_not_sampled_again_when_data_is_added(
    first: dict[str, Any], server: dict[str, str], small: Path, store: Path
) -> None:
    grown = ("--set", "ingest.source=world://desk?episodes=26&seed=1", "--until", "rollouts")
    done = pivotrl(server, "run", str(small), "--store", str(store), "--json", *grown)
    uris = [
        next(row["uri"] for row in answer["stages"] if row["stage"] == "rollouts")
        for answer in (first, json.loads(done.stdout))
    ]
    before, after = (pl.read_parquet(f"{uri}/rollouts-*.parquet") for uri in uris)
    known = after.join(before, on=["trajectory_id", "turn_index"], how="semi")
    assert known.equals(before) and after.height > before.height
    assert (
        f"rollout: 4 of 4 {(after.height - before.height) // 4} states x 4, {before.height // 4} states" in done.stderr
    )


def test_a_deleted_manifest_reruns_its_stage(
    first: dict[str, Any], server: dict[str, str], small: Path, store: Path
) -> None:
    scores = next(row for row in first["stages"] if row["stage"] == "scores")
    Path(scores["uri"], "manifest.json").unlink()
    again = answer(pivotrl(server, "run", str(small), "--store", str(store), "--json"))
    assert [stage for stage, reused in cached(again).items() if not reused] == ["scores"]
    assert next(row for row in again["stages"] if row["stage"] == "scores")["version"] == scores["version"]


def test_a_run_starts_from_an_artefact(first: dict[str, Any], server: dict[str, str], small: Path, store: Path) -> None:
    pivots = next(row["version"] for row in first["stages"] if row["stage"] == "pivots")
    start = ("--from", f"pivots@{pivots}", "--until", "policies")
    document = answer(
        pivotrl(server, "run", str(small), "--store", str(store), "--json", *start, "--set", "rollout.samples=7")
    )
    versions = {row["stage"]: row["version"] for row in document["stages"]}
    assert versions["pivots"] == pivots
    assert versions["rollouts"] == next(row["version"] for row in first["stages"] if row["stage"] == "rollouts")
    assert document["stages"][-1]["cached"]


def test_a_second_round_profiles_and_trains_the_policy_of_the_first(
    first: dict[str, Any], server: dict[str, str], small: Path, store: Path
) -> None:
    rounds = ("--set", "rounds=2", "--until", "policies")
    document = answer(pivotrl(server, "run", str(small), "--store", str(store), "--json", *rounds))
    first_round, second_round = MADE_BY_RUN[:8], MADE_BY_RUN[3:8]
    assert [row["stage"] for row in document["stages"]] == [*first_round, *second_round]
    assert [row["cached"] for row in document["stages"]] == [True] * len(first_round) + [False] * len(second_round)
    trained = f"policies@{document['stages'][7]['version']}"
    inputs = {
        row["stage"]: json.loads(Path(row["uri"], "manifest.json").read_text())["inputs"] for row in document["stages"]
    }
    assert inputs["rollouts"]["policy"] == inputs["policies"]["policy"] == trained


def test_sft_is_the_same_flow(server: dict[str, str], small: Path, store: Path, first: dict[str, Any]) -> None:
    whole_set = ("--set", "train.states_per_step=1000")  # else the steps' losses are of different states
    sft = ("--set", "train.method=sft", *whole_set, "--until", "policies")
    document = answer(pivotrl(server, "run", str(small), "--store", str(store), "--json", *sft))
    assert [row["stage"] for row in document["stages"]] == ["trajectories", "states", "checks", "policies"]
    metrics = pl.read_parquet(f"{document['stages'][-1]['uri']}/policies-*.parquet")
    assert metrics["reward_mean"].null_count() == metrics.height
    assert metrics["loss"][-1] < metrics["loss"][0]


def test_show_profiles_gives_the_share_without_variance(
    first: dict[str, Any], server: dict[str, str], store: Path
) -> None:
    shown = answer(pivotrl(server, "show", "profiles", "--store", str(store), "--json"))
    profiles = pl.read_parquet(shown["parts"])
    assert shown["zero_variance"] == pytest.approx((profiles["max"] == profiles["min"]).mean())
    assert json.dumps(shown["sample"])


def test_of_a_policy_whose_prompt_opens_a_thought_no_sample_without_an_answer_gets_a_reward(
    server: dict[str, str], small: Path, tmp_path: Path
) -> None:
    shutil.copytree(DESK, tmp_path / "thinking")
    template = tmp_path / "thinking" / "chat_template.jinja"
    opened = template.read_text().replace("'<|im_start|>assistant\\n' ", "'<|im_start|>assistant\\n<think>\\n' ")
    assert opened.count("<think>") == 2
    template.write_text(opened.replace("+ (message.content or '')", "+ '</think>' + (message.content or '')"))
    store = Store(str(tmp_path / "store"))
    settings = ("--set", f"model={tmp_path / 'thinking'}", "--store", store.root, "--until", "scores", "--json")
    answer(pivotrl(server, "run", str(small), *settings))
    samples = store.read(store.resolve("rollouts")).join(store.read(store.resolve("scores")), on=SAMPLE_KEY)
    silent = samples.filter(~pl.col("text").str.contains("</think>", literal=True))
    assert silent.height > samples.height / 2, "the policy was trained without thoughts, and closes hardly any"
    assert silent["reward"].to_list() == [0.0] * silent.height
    assert set(store.read(store.resolve("checks"))["reason"]) == {"returned"}


def test_a_parser_that_does_not_fit_ends_the_run_before_anything_is_made(
    server: dict[str, str], small: Path, tmp_path: Path
) -> None:
    settings = ("--set", "score.parser=qwen3_coder", "--store", str(tmp_path / "store"))
    done = pivotrl(server, "run", str(small), *settings)
    assert done.returncode != 0 and "take hermes, or auto" in done.stderr
    assert not list(Store(str(tmp_path / "store")).artefacts())
