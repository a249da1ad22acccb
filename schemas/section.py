"""The base of every section of a configuration, and the settings that several sections share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Runtime:
    """Marks a field that changes how a stage runs and not what it gives. The field is left out of the version."""


RUNTIME = _Runtime()


class Section(BaseModel):
    """A part of the configuration. It refuses keys that it does not know, and never changes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        model_title_generator=lambda section: section.__name__.removesuffix("Config"),
    )


class Engine(Section):
    """The sampling engine of a child process."""

    kind: Annotated[Literal["vllm"], RUNTIME] = Field(
        "vllm", title="Engine", description="What samples; vllm runs in the stage's own child process."
    )
    max_model_len: int = Field(
        2048, ge=16, title="Context length", description="Tokens of prompt and action together, at most."
    )
    tensor_parallel: Annotated[int, RUNTIME] = Field(
        1,
        ge=1,
        le=64,
        title="GPUs per engine",
        description="Accelerators that hold a model together, for one that does not fit on one. It must divide the "
        "model's attention heads. In train, so many training processes share an engine. Rounding differs a little.",
    )
    gpu_memory_utilization: Annotated[float, RUNTIME] = Field(
        0.85,
        gt=0,
        le=1,
        title="GPU memory share",
        description="Share of the accelerator's memory for the weights and the key-value cache. Unused on a CPU.",
    )
    kv_cache_gib: Annotated[float, RUNTIME] = Field(
        1.0, gt=0, title="Key-value cache on a CPU (GiB)", description="Unused on a GPU."
    )
    timeout_s: Annotated[float, RUNTIME] = Field(
        2 * 3600.0,
        gt=0,
        title="Time without progress (s)",
        description="After so many seconds without progress the child process is stopped and the stage fails, however "
        "long it ran before. Progress is finished samples, verified actions and training steps. It takes longest to "
        "fetch, load and compile a large model, and to make one training step.",
    )

    def prompt_room(self, max_tokens: int, max_thinking_tokens: int) -> int:
        """Tokens that a prompt may have, with so many left for an action's answer and its thought."""
        return self.max_model_len - max_tokens - max_thinking_tokens
