"""Rows that keep NeMo Gym's contract, and are the same states when ingest reads them again."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, model_validator

from flows.cli.import_rows import import_rows
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import TOOLS
from tests.tasks.exchange.exported import PIVOTS, exported, written


def test_a_nemo_gym_row_is_what_the_server_takes(store: Store, pivots: Ref, tmp_path: Path) -> None:
    text, single, both, bare, last, untooled, _ = written(store, pivots, "nemo-gym", tmp_path)
    assert set(text["responses_create_params"]) == {"input", "tools", "parallel_tool_calls", "tool_choice"}
    assert text["responses_create_params"]["input"] == [
        {"type": "message", "role": "system", "content": "Be brief. </script><b>Ünïcode</b>"},
        {"type": "message", "role": "user", "content": "Where is order 0?"},
    ]
    assert text["expected_action"] == {"type": "message", "content": "Which one?"}
    assert single["expected_action"]["type"] == "function_call"
    assert (single["expected_action"]["name"], single["expected_action"]["arguments"]) == (
        "get_order",
        '{"order_id": 0}',
    )
    assert [call["arguments"] for call in both["expected_action"]["calls"]] == ['{"order_id": 17}', '{"order_id": 18}']
    assert both["expected_action"]["type"] == "function_call_batch"
    assert [row["responses_create_params"]["parallel_tool_calls"] for row in (single, both)] == [False, True]
    kinds = [item["type"] for item in both["responses_create_params"]["input"][4:]]
    assert kinds == ["reasoning", "function_call", "function_call_output"]
    tool = {"type": "function", "strict": False, **TOOLS[0]["function"]}
    assert bare["responses_create_params"]["tools"] == [tool] and untooled["responses_create_params"]["tools"] == []
    assert bare["responses_create_params"]["tool_choice"] == "auto"
    assert set(single["agent_ref"]) == {"type", "name"}
    assert [last[key] for key in ("pass_rate", "pass_rate_total", "pass_rate_passed")] == [0.5, 4, 2]
    assert last["provenance"]["artefact"] == str(pivots) and last["turn_index"] == 4
    assert untooled["task_id"].startswith("opening-"), "what must not be divided has a name"


class Contract(BaseModel):
    """What NeMo Gym's pivot server takes; another key of the row is carried along."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Call(Contract):
    type: Literal["function_call"]
    name: str = Field(min_length=1)
    arguments: Json[dict[str, Any]]
    call_id: str = ""
    content: str = ""
    reasoning: str = ""


class Batch(Contract):
    type: Literal["function_call_batch"]
    calls: list[Call] = Field(min_length=2)
    content: str = ""
    reasoning: str = ""


class Said(Contract):
    type: Literal["message"]
    content: str
    reasoning: str = ""


class Turn(Contract):
    type: Literal["message"]
    role: Literal["system", "user", "assistant"]
    content: str


class Result(Contract):
    type: Literal["function_call_output"]
    call_id: str
    output: str


class Thought(Contract):
    type: Literal["reasoning"]
    summary: list[dict[str, str]]


class Tool(Contract):
    type: Literal["function"]
    name: str
    parameters: dict[str, Any] | None
    strict: bool
    description: str = ""


class Params(Contract):
    input: list[Annotated[Turn | Call | Result | Thought, Field(discriminator="type")]] = Field(min_length=1)
    tools: list[Tool]
    parallel_tool_calls: bool
    tool_choice: Literal["auto"]


class Agent(Contract):
    type: Literal["responses_api_agents"]
    name: str


class Row(BaseModel):
    responses_create_params: Params
    expected_action: Annotated[Call | Batch | Said, Field(discriminator="type")]
    agent_ref: Agent
    pass_rate: float = Field(ge=0, le=1)
    pass_rate_total: int = Field(ge=1)
    pass_rate_passed: int = Field(ge=0)

    @model_validator(mode="after")
    def _rates_agree(self) -> "Row":
        assert self.pass_rate == self.pass_rate_passed / self.pass_rate_total
        return self


def test_every_nemo_gym_row_keeps_the_contract(store: Store, pivots: Ref, tmp_path: Path) -> None:
    rows = written(store, pivots, "nemo-gym", tmp_path)
    assert {type(Row.model_validate(row).expected_action) for row in rows} == {Call, Batch, Said}
    with pytest.raises(ValidationError):
        Row.model_validate({**rows[1], "expected_action": {"type": "function_call", "name": "f", "arguments": "{"}})


def test_a_nemo_gym_export_read_again_is_the_same_states(store: Store, pivots: Ref, tmp_path: Path) -> None:
    written(store, pivots, "nemo-gym", tmp_path)
    trajectories, states, *_ = import_rows(str(tmp_path / "nemo-gym.jsonl"), Store(str(tmp_path / "other")))
    reader = StateReader(Store(str(tmp_path / "other")), states.ref, trajectories.ref)
    again = list(reader.all())
    assert len(again) == len(PIVOTS)
    originals = (pivot.state for pivot in exported(store, pivots))
    for original, imported in zip(originals, again, strict=True):
        assert imported.state.messages == original.state.messages
        assert imported.state.tools == original.state.tools
        assert imported.demonstration == original.demonstration
        assert (imported.kind, imported.tool, imported.state.domain) == (
            original.kind,
            original.tool,
            original.state.domain,
        )
