"""What the sections of a configuration are made of, and the settings that several of them share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Runtime:
    """Marks a field that changes how a stage runs and not what it gives; it is left out of the version."""


RUNTIME = _Runtime()


class Section(BaseModel):
    """A section refuses keys it does not know, and never changes after it was read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        model_title_generator=lambda section: section.__name__.removesuffix("Config"),
    )


class Engine(Section):
    """The sampling engine of a child process."""

    kind: Annotated[Literal["vllm"], RUNTIME] = Field(
        "vllm", title="Engine", description="What samples: vllm, in the child process itself."
    )
    max_model_len: int = Field(
        2048, ge=16, title="Context length", description="Prompt and action together, in tokens."
    )
    gpu_memory_utilization: Annotated[float, RUNTIME] = Field(
        0.85,
        gt=0,
        le=1,
        title="GPU memory share",
        description="Share of the accelerator's memory for weights and key-value cache; unused on a CPU.",
    )
    kv_cache_gib: Annotated[float, RUNTIME] = Field(
        1.0, gt=0, title="Key-value cache on a CPU", description="Key-value cache in GiB on a CPU."
    )
    timeout_s: Annotated[float, RUNTIME] = Field(
        2 * 3600.0,
        gt=0,
        title="Time without progress",
        description="Seconds without a sign of progress after which the child process is stopped and the stage fails, "
        "however long it ran before. Signs are finished samples, verified actions and training steps; the longest "
        "silences are to fetch, load and compile a large model, and one training step.",
    )

    def prompt_room(self, max_tokens: int) -> int:
        """Tokens that a prompt may have where `max_tokens` are left for an action."""
        return self.max_model_len - max_tokens
