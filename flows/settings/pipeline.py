"""The configuration of a run: its model, seed and store, and one section per stage."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, model_validator

from schemas.config import EvaluateConfig, IngestConfig, ProfileConfig, RolloutConfig, SelectConfig, SplitConfig
from schemas.locations import DEFAULT_STORE, Location
from schemas.section import RUNTIME, Section
from schemas.training import TrainConfig
from tasks.verifiers.section import ScoreConfig

_RESERVED = {
    *("messages", "conversation", "tools", "documents", "chat_template", "add_generation_prompt", "tokenize"),
    *("continue_final_message", "return_dict", "return_tensors", "return_assistant_tokens_mask", "padding"),
    *("truncation", "max_length", "tokenizer_kwargs"),
}
_ANY_OBJECT = {"type": "object", "additionalProperties": True}


def _with_text_dates(options: Any) -> Any:
    """YAML reads 2026-11-25 as a date; a template's variable is text."""
    if not isinstance(options, dict):
        return options
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in options.items()}


class PipelineConfig(Section):
    """A whole run."""

    model: Location = Field(
        title="Model",
        description="The reference policy: a local folder, a hub id, policies@VERSION, or desk (built in).",
    )
    model_options: Annotated[dict[str, JsonValue], BeforeValidator(_with_text_dates), WithJsonSchema(_ANY_OBJECT)] = (
        Field(
            default_factory=dict,
            title="Options of the chat template",
            description="Variables of the model's chat template, such as enable_thinking: false. They reach every "
            "rendering: sampling, training and evaluation. date (YYYY-MM-DD) is what templates print as today's; it is "
            "2024-07-26 unless named here.",
        )
    )
    seed: Annotated[int, RUNTIME] = Field(0, ge=0, title="Seed", description="Of sampling, selection and training.")
    store: Annotated[Location, RUNTIME] = Field(
        DEFAULT_STORE, min_length=1, title="Store", description="Root of the artefacts: a path or an fsspec URL."
    )
    rounds: int = Field(1, ge=1, le=100, title="Rounds", description="Times to profile, select and train.")
    ingest: IngestConfig
    split: SplitConfig = SplitConfig()
    rollout: RolloutConfig = RolloutConfig()
    score: ScoreConfig = ScoreConfig()
    profile: ProfileConfig = ProfileConfig()
    select: SelectConfig = SelectConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _options_are_the_users(self) -> PipelineConfig:
        taken = sorted(_RESERVED & self.model_options.keys())
        if taken:
            raise ValueError(f"model_options.{taken[0]}: every rendering sets it; options are the template's variables")
        return self

    @model_validator(mode="after")
    def _date_is_one(self) -> PipelineConfig:
        try:
            date.fromisoformat(str(self.model_options.get("date", "2024-07-26")))
        except ValueError as error:
            raise ValueError(f"model_options.date: {error}; it is written YYYY-MM-DD") from error
        return self

    @model_validator(mode="after")
    def _contexts_fit(self) -> PipelineConfig:
        for name, section in (("rollout", self.rollout), ("train", self.train), ("evaluate", self.evaluate)):
            if section.engine.prompt_room(section.max_tokens, section.max_thinking_tokens) < 1:
                thought = section.max_thinking_tokens
                raise ValueError(
                    f"{name}.max_tokens ({section.max_tokens}) "
                    + (f"and {name}.max_thinking_tokens ({thought}) leave" if thought else "leaves")
                    + f" no room for a prompt in {name}.engine.max_model_len ({section.engine.max_model_len})"
                )
        return self
