"""A run with a pretrained model, SmolLM2, on a few function calls, from ingest to policies."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.stages import MADE_BY_RUN
from tests.flows.conftest import answer, pivotrl
from tests.smollm2 import model_folder

pytestmark = [pytest.mark.engine, pytest.mark.server, pytest.mark.slow]

ROWS = Path(__file__).with_name("function_calls.jsonl")
SAMPLED = {"samples": 4, "temperature": 0.6, "max_tokens": 32, "engine": {"max_model_len": 512}}
STEPS = 2


@pytest.fixture(scope="module")
def model() -> Path:
    return model_folder()


@pytest.fixture(scope="module")
def tables(server: dict[str, str], model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """The rows of every stage up to policies."""
    folder = tmp_path_factory.mktemp("smollm2")
    settings = {
        "model": str(model),
        "ingest": {"source": str(ROWS)},
        "split": {"validation_fraction": 0},
        "rollout": SAMPLED,
        "score": {"verifier": {"kind": "tool_call"}},
        "select": {"max_mean": 1.0},
        "train": {**SAMPLED, "steps": STEPS, "states_per_step": 3, "max_state_tokens": 400, "learning_rate": 1e-5},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(settings))
    until = ("--until", "policies", "--store", str(folder / "store"), "--json")
    done = answer(pivotrl(server, "run", str(folder / "run.yaml"), *until))
    assert [row["stage"] for row in done["stages"]] == list(MADE_BY_RUN[: MADE_BY_RUN.index("policies") + 1])
    (policy,) = (row for row in done["stages"] if row["stage"] == "policies")
    assert list(Path(policy["uri"]).rglob("*.safetensors*"))
    return {row["stage"]: pl.read_parquet(f"{row['uri']}/{row['stage']}-*.parquet") for row in done["stages"]}


def conversations() -> list[dict[str, Any]]:
    """The records, their arguments as objects."""
    records = [json.loads(line) for line in ROWS.read_text().splitlines()]
    for message in (message for record in records for message in record["messages"]):
        for call in message.get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return records


def rendered(model: Path) -> dict[tuple[str, int], list[int]]:
    """The prompt of every action by the template alone; by the first user's words and the number of the action."""
    tokenizer, prompts = AutoTokenizer.from_pretrained(model), {}
    for record in conversations():
        messages = record["messages"]
        cuts = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        for turn, cut in enumerate(cuts):
            prompts[messages[0]["content"], turn] = tokenizer.apply_chat_template(
                messages[:cut], tools=record["tools"], add_generation_prompt=True, return_dict=False
            )
    return prompts


def test_every_state_is_sampled(tables: dict[str, pl.DataFrame]) -> None:
    actions = sum(message["role"] == "assistant" for record in conversations() for message in record["messages"])
    rollouts, scores = tables["rollouts"], tables["scores"]
    assert len(tables["states"]) == len(tables["profiles"]) == actions
    assert len(rollouts) == len(scores) == actions * SAMPLED["samples"]
    assert rollouts["logprobs"].explode().is_between(-30, 0).all()
    assert (rollouts["logprobs"].list.len() == rollouts["token_ids"].list.len()).all()
    parsed = scores["reason"] != "parse_failure"
    assert parsed.mean() > 0.2 and scores["reward"].max() == 1.0, "it writes calls where it has seen one"
    assert 0 < len(tables["pivots"]) < actions


@torch.no_grad()
def test_prompts_and_log_probabilities_are_those_of_transformers(tables: dict[str, pl.DataFrame], model: Path) -> None:
    policy = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    asked = {
        row["trajectory_id"]: row["messages"][0]["content"] for row in tables["trajectories"].iter_rows(named=True)
    }
    prompts = rendered(model)
    rows = tables["rollouts"].filter(pl.col("sample_index") == 0).sort("trajectory_id", "turn_index")
    for row in rows.iter_rows(named=True):
        prompt, token_ids = prompts[asked[row["trajectory_id"]], row["turn_index"]], row["token_ids"]
        assert row["prompt_tokens"] == len(prompt)
        logits = policy(torch.tensor([[*prompt, *token_ids]])).logits[0, len(prompt) - 1 : -1] / SAMPLED["temperature"]
        expected = logits.log_softmax(-1).gather(1, torch.tensor(token_ids)[:, None])[:, 0]
        assert (expected - torch.tensor(row["logprobs"])).abs().max() < 5e-3


def test_trainer_and_sampler_agree_before_and_after_an_update(tables: dict[str, pl.DataFrame]) -> None:
    steps = tables["policies"]
    assert steps.height == STEPS
    assert all(math.isfinite(loss) for loss in steps["loss"])
    assert steps["grad_norm"].max() > 0
    assert steps["sampler_mismatch"].drop_nulls().max() < 5e-3
