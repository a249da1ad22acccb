"""Artefacts of a few rows, and a sampler without a model, for tests of any stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from schemas.chat import Message, Role, ToolCall, message
from schemas.config import SplitConfig
from schemas.toolsets import TOOLSETS
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.stage import Artefact, Stage, obtain
from tasks.artefact.table import frame
from tasks.sampler.sampler import Sample, Sampling
from tasks.stages.split.stage import STAGE as STATES_STAGE
from tasks.stages.split.stage import inputs, write_states
from tasks.store.store import Store

TOOLSET = "00000000000000aa"
TOOLS = [{"type": "function", "function": {"name": "get_order", "parameters": {"type": "object", "properties": {}}}}]
TRAJECTORIES_STAGE = Stage("trajectories", version=1, tables={"trajectories": TRAJECTORIES, "toolsets": TOOLSETS})


class NoSettings(BaseModel):
    """A configuration with nothing to configure."""


def call(arguments: str = '{"order_id": 17}', name: str = "get_order", id: str = "c1") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def episode(turns: int = 2) -> list[Message]:
    """A question, `turns` - 1 calls with results, and an answer: `turns` actions."""
    messages = [message(Role.SYSTEM, "Be brief."), message(Role.USER, "Where is order 17?")]
    for turn in range(turns - 1):
        messages.append(message(Role.ASSISTANT, tool_calls=[call(id=f"c{turn}")]))
        messages.append(message(Role.TOOL, f"shipped {turn}", tool_call_id=f"c{turn}", name="get_order"))
    return [*messages, message(Role.ASSISTANT, "It has shipped.")]


def trajectory(number: int = 0, messages: Sequence[Message] | None = None, **columns: Any) -> dict[str, Any]:
    """A row of `trajectories`; `number` names it and its task."""
    row = {
        "trajectory_id": f"{number:016x}",
        "task_id": str(number),
        "domain": "desk",
        "world": "",
        "source_uri": "file:///data.jsonl",
        "source_record": number,
        "messages": list(messages or episode()),
        "toolset_id": TOOLSET,
        "reward": 1.0,
        "success": True,
        "metadata": "{}",
    }
    return {**row, **columns}


def commit_trajectories(store: Store, parts: Sequence[Sequence[dict[str, Any]]]) -> Artefact:
    """An artefact of these rows, one list per part."""

    def produce(writer: Any) -> None:
        for index, rows in enumerate(parts):
            toolsets = [{"toolset_id": TOOLSET, "tools": json.dumps(TOOLS)}] if index == 0 else []
            writer.write(index, {"trajectories": frame(TRAJECTORIES, rows), "toolsets": frame(TOOLSETS, toolsets)})

    inputs = {"rows": hashlib.sha256(repr(parts).encode()).hexdigest()}
    return obtain(TRAJECTORIES_STAGE, NoSettings(), inputs, store, produce)


def commit_states(store: Store, trajectories: Artefact, config: SplitConfig | None = None) -> Artefact:
    """The states of these trajectories."""
    config, source = config or SplitConfig(validation_fraction=0), trajectories.ref
    return obtain(
        STATES_STAGE, config, inputs(source), store, lambda writer: write_states(writer, store, source, config)
    )


class ScriptedSampler:
    """A `Sampler` that says what `answer(prompt text, sample index)` says; `asked` keeps every call."""

    def __init__(
        self, tokenizer: Any, answer: Callable[[str, int], str], *, finished: bool = True, eos: int | None = None
    ) -> None:
        self._tokenizer, self._answer, self._finished = tokenizer, answer, finished
        self._eos = tokenizer.eos_token_id if eos is None else eos
        self.asked: list[tuple[list[list[int]], Sampling]] = []

    def sample(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[list[Sample]]:
        self.asked.append(([list(prompt) for prompt in prompts], sampling))
        return [[self._sample(list(prompt), i) for i in range(sampling.n)] for prompt in prompts]

    def _sample(self, prompt: list[int], index: int) -> Sample:
        text = self._answer(self._tokenizer.decode(prompt), index)
        token_ids = [*self._tokenizer.encode(text, add_special_tokens=False), self._eos]
        return Sample(token_ids, [-0.5] * len(token_ids), self._finished)

    def load_weights(self, weights: Iterable[Any]) -> None:
        raise AssertionError("nothing is trained here")
