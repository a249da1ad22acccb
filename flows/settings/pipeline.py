"""The configuration of a run: its model, seed and store, and one section per stage."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from schemas.config import EvaluateConfig, IngestConfig, ProfileConfig, RolloutConfig, SelectConfig, SplitConfig
from schemas.locations import DEFAULT_STORE, Location
from schemas.section import RUNTIME, Section
from schemas.training import TrainConfig
from tasks.verifiers.section import ScoreConfig


class PipelineConfig(Section):
    """A whole run."""

    model: Location = Field(
        title="Model",
        description="The reference policy: a local folder, a hub id, policies@VERSION, or desk (built in).",
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
    def _contexts_fit(self) -> PipelineConfig:
        for name, section in (("rollout", self.rollout), ("train", self.train), ("evaluate", self.evaluate)):
            if section.engine.prompt_room(section.max_tokens) < 1:
                raise ValueError(
                    f"{name}.max_tokens ({section.max_tokens}) leaves no room for a prompt in "
                    f"{name}.engine.max_model_len ({section.engine.max_model_len})"
                )
        return self
