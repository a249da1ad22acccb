import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from flows.settings.pipeline import PipelineConfig
from schemas.locations import DEFAULT_STORE
from schemas.section import RUNTIME
from schemas.stages import STAGES

LEAST: dict[str, Any] = {"model": "desk", "ingest": {"source": "a.jsonl"}}


def test_a_model_and_a_source_are_enough() -> None:
    config = PipelineConfig.model_validate(LEAST)
    assert (config.seed, config.store, config.rounds) == (0, DEFAULT_STORE, 1)


def test_the_sections_are_named_by_the_stages_in_their_order() -> None:
    sections = [
        name
        for name in PipelineConfig.model_fields
        if name not in ("model", "model_options", "seed", "store", "rounds")
    ]
    assert sections == [stage.verb for stage in STAGES if stage.verb in sections]


@pytest.mark.parametrize("section", ["rollout", "train", "evaluate"])
def test_a_context_has_room_for_a_prompt_beside_the_action(section: str) -> None:
    engine = {"max_model_len": 512}
    PipelineConfig.model_validate({**LEAST, section: {"max_tokens": 511, "engine": engine}})
    sentence = rf"{section}.max_tokens \(512\) leaves no room for a prompt in {section}.engine.max_model_len \(512\)"
    with pytest.raises(ValidationError, match=sentence):
        PipelineConfig.model_validate({**LEAST, section: {"max_tokens": 512, "engine": engine}})
    apart = {"max_tokens": 500, "max_thinking_tokens": 12, "engine": engine}
    sentence = rf"{section}.max_tokens \(500\) and {section}.max_thinking_tokens \(12\) leave no room for a prompt"
    with pytest.raises(ValidationError, match=sentence):
        PipelineConfig.model_validate({**LEAST, section: apart})


def test_the_seed_is_hashed_by_the_stages_that_draw_and_the_store_by_none() -> None:
    runtime = [name for name, field in PipelineConfig.model_fields.items() if RUNTIME in field.metadata]
    assert runtime == ["seed", "store"]


def test_options_of_the_chat_template_are_plain_values_and_a_date_is_one() -> None:
    options = {"enable_thinking": False, "date": datetime.date(2026, 11, 25)}
    read = PipelineConfig.model_validate({**LEAST, "model_options": options})
    assert read.model_options == {"enable_thinking": False, "date": "2026-11-25"}
    with pytest.raises(ValidationError, match=r"model_options\.date: .*it is written YYYY-MM-DD"):
        PipelineConfig.model_validate({**LEAST, "model_options": {"date": "today"}})
    with pytest.raises(ValidationError, match=r"model_options\.tools: every rendering sets it"):
        PipelineConfig.model_validate({**LEAST, "model_options": {"tools": []}})
