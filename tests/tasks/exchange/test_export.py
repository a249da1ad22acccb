"""Every format, written and read again: by JSON, Polars, pandas, DuckDB and this project's own ingest."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import polars as pl
import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, model_validator

from flows.cli.import_rows import import_rows
from schemas.chat import ActionKind, as_message
from schemas.config import IngestConfig
from schemas.exports import ExportFormat
from tasks.errors import ConfigurationError, InputError, NotInStore, StoreError
from tasks.exchange.export import FORMATS, export
from tasks.exchange.pivots import Pivot, parts
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.linkage import linked
from tasks.stages.ingest.trajectory import Trajectory
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import TOOLS, commit_trajectories, trajectory
from tests.pivots import HALF, commit_pivots, conversation

PARTS = [
    [trajectory(0, conversation(0)), trajectory(1, conversation(1), toolset_id="", task_id="")],
    [trajectory(2, conversation(2))],
    [trajectory(3, conversation(3))],
]
PIVOTS = [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (3, 4)]
"""One of each kind of action, one without tools and task, and a part without any."""


@pytest.fixture
def pivots(store: Store) -> Ref:
    return commit_pivots(store, PARTS, {**dict.fromkeys(PIVOTS, HALF), (2, 0): (1.0,) * 4}).ref


def written(store: Store, ref: Ref, format_name: str, folder: Path) -> list[dict[str, Any]]:
    output = folder / f"{format_name}.jsonl"
    found = export(store, ref, format_name, output)
    lines = output.read_bytes().splitlines()
    assert found["rows"] == len(lines) == len(PIVOTS) and found["bytes"] == output.stat().st_size
    return [json.loads(line) for line in lines]


def known(store: Store, ref: Ref) -> list[Pivot]:
    return [pivot for part in parts(store, ref) for pivot in part]


def test_pivots_come_part_by_part_in_the_order_of_the_trajectories(store: Store, pivots: Ref) -> None:
    found = [[pivot.state.key for pivot in part] for part in parts(store, pivots)]
    assert found == [[(f"{n:016x}", t) for n, t in PIVOTS[:-1]], [(f"{3:016x}", 4)]], "an empty part is left out"


def test_a_nemo_gym_row_is_what_the_server_takes(store: Store, pivots: Ref, tmp_path: Path) -> None:
    text, one, both, bare, last, untooled, _ = written(store, pivots, "nemo-gym", tmp_path)
    assert set(text["responses_create_params"]) == {"input", "tools", "parallel_tool_calls", "tool_choice"}
    assert text["responses_create_params"]["input"] == [
        {"type": "message", "role": "system", "content": "Be brief. </script><b>Ünïcode</b>"},
        {"type": "message", "role": "user", "content": "Where is order 0?"},
    ]
    assert text["expected_action"] == {"type": "message", "content": "Which one?"}
    assert one["expected_action"]["type"] == "function_call"
    assert (one["expected_action"]["name"], one["expected_action"]["arguments"]) == ("get_order", '{"order_id": 0}')
    assert [call["arguments"] for call in both["expected_action"]["calls"]] == ['{"order_id": 17}', '{"order_id": 18}']
    assert both["expected_action"]["type"] == "function_call_batch"
    assert [row["responses_create_params"]["parallel_tool_calls"] for row in (one, both)] == [False, True]
    kinds = [item["type"] for item in both["responses_create_params"]["input"][4:]]
    assert kinds == ["reasoning", "function_call", "function_call_output"]
    tool = {"type": "function", "strict": False, **TOOLS[0]["function"]}
    assert bare["responses_create_params"]["tools"] == [tool] and untooled["responses_create_params"]["tools"] == []
    assert bare["responses_create_params"]["tool_choice"] == "auto"
    assert set(one["agent_ref"]) == {"type", "name"}
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


@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_a_chat_export_holds_the_same_states(store: Store, pivots: Ref, format_name: str, tmp_path: Path) -> None:
    """Read again by this project's own reader of OpenAI messages: history, tools and demonstration are the same."""
    lines = []
    for row in written(store, pivots, format_name, tmp_path):
        tools = row["tools"] if "tools" in row else json.loads(row["extra_info"]["tools"])
        last = row.get("demonstration") or row.get("reward_model", {}).get("ground_truth")
        messages = row["messages"] if last is None else [*row["prompt"], json.loads(last)]
        lines.append(json.dumps({"messages": messages, "tools": tools}))
    path = tmp_path / "again.jsonl"
    path.write_text("\n".join(lines))
    again = [one for one in ingest(IngestConfig(source=str(path), format="openai")) if isinstance(one, Trajectory)]
    assert len(again) == len(PIVOTS)
    for pivot, found in zip(known(store, pivots), again, strict=True):
        demonstration = as_message(pivot.state.demonstration)
        expected, _ = linked([*pivot.state.state.messages, demonstration])
        assert list(found.messages) == expected
        assert json.loads(found.tools_json or "[]") == list(pivot.state.state.tools)


def test_a_nemo_gym_export_read_again_is_the_same_states(store: Store, pivots: Ref, tmp_path: Path) -> None:
    written(store, pivots, "nemo-gym", tmp_path)
    trajectories, states, *_ = import_rows(str(tmp_path / "nemo-gym.jsonl"), Store(str(tmp_path / "other")))
    reader = StateReader(Store(str(tmp_path / "other")), states.ref, trajectories.ref)
    again = list(reader.all())
    assert len(again) == len(PIVOTS)
    for before, after in zip((pivot.state for pivot in known(store, pivots)), again, strict=True):
        assert after.state.messages == before.state.messages
        assert after.state.tools == before.state.tools
        assert after.demonstration == before.demonstration
        assert (after.kind, after.tool, after.state.domain) == (before.kind, before.tool, before.state.domain)


def test_openai_ends_with_the_demonstration(store: Store, pivots: Ref, tmp_path: Path) -> None:
    _, one, _, _, last, untooled, _ = written(store, pivots, "openai", tmp_path)
    assert one["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "They want a status.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": 0}'}}
        ],
    }
    assert one["tools"] == TOOLS and untooled["tools"] == []
    assert last["messages"][-1]["content"] == "One is lost." and len(last["messages"]) == 12
    assert last["messages"][5] == {"role": "tool", "content": "shipped", "tool_call_id": "a", "name": "get_order"}
    assert (last["pass_rate"], last["artefact"]) == (0.5, str(pivots))


def test_trl_has_the_prompt_and_the_demonstration_apart(store: Store, pivots: Ref, tmp_path: Path) -> None:
    both = written(store, pivots, "trl", tmp_path)[2]
    assert both["prompt"][-1]["role"] == "tool" and both["tools"] == TOOLS
    demonstration = json.loads(both["demonstration"])
    assert demonstration["content"] == "Both." and len(demonstration["tool_calls"]) == 2


def test_verl_has_its_columns(store: Store, pivots: Ref, tmp_path: Path) -> None:
    row = written(store, pivots, "verl", tmp_path)[0]
    assert set(row) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
    assert row["data_source"] == "pivotrl/desk" and row["reward_model"]["style"] == "rule"
    assert json.loads(row["reward_model"]["ground_truth"]) == {"role": "assistant", "content": "Which one?"}
    assert json.loads(row["extra_info"]["tools"]) == TOOLS and row["extra_info"]["split"] == "train"
    assert {"index", "trajectory_id", "turn_index"} <= set(row["extra_info"])


def test_every_format_that_can_be_named_is_written() -> None:
    assert get_args(ExportFormat) == tuple(FORMATS)


@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_parquet_holds_the_same_rows(store: Store, pivots: Ref, format_name: str, tmp_path: Path) -> None:
    rows = written(store, pivots, format_name, tmp_path)
    output = tmp_path / f"{format_name}.parquet"
    assert export(store, pivots, format_name, output)["rows"] == len(rows)
    frame = pl.read_parquet(output)
    columns = FORMATS[format_name].columns
    assert columns is not None and frame.columns == list(columns) == list(rows[0])
    for read, row in zip(frame.iter_rows(named=True), rows, strict=True):
        texts = {key: json.dumps(value, separators=(",", ":")) for key, value in row.items() if key == "tools"}
        assert present(read) == present({**row, **texts})


def present(value: Any) -> Any:
    """Without the keys that are null."""
    if isinstance(value, dict):
        return {key: present(item) for key, item in value.items() if item is not None}
    return [present(item) for item in value] if isinstance(value, list) else value


def rows_by(library: str, path: str) -> int:
    """Rows of a Parquet file, loaded as its users do."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    if library == "duckdb":
        return int(module.sql(f"select count(*) from '{path}'").fetchall()[0][0])
    return len(module.read_parquet(path))


@pytest.mark.parametrize("library", ["polars", "pandas", "duckdb"])
@pytest.mark.parametrize("format_name", ["openai", "trl", "verl"])
def test_an_export_loads_in_one_line(store: Store, pivots: Ref, format_name: str, library: str, tmp_path: Path) -> None:
    output = tmp_path / "pivots.parquet"
    export(store, pivots, format_name, output)
    assert rows_by(library, str(output)) == len(PIVOTS)


@pytest.mark.parametrize("library", ["polars", "pandas", "duckdb"])
def test_the_store_itself_loads_in_one_line(store: Store, pivots: Ref, library: str) -> None:
    assert rows_by(library, store.urls(pivots)[0]) == len(PIVOTS)


def test_what_cannot_be_written_is_refused_and_leaves_nothing(store: Store, pivots: Ref, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"end the name in \.jsonl or \.parquet"):
        export(store, pivots, "trl", tmp_path / "pivots.csv")
    with pytest.raises(ConfigurationError, match=r"nemo-gym rows are JSON lines"):
        export(store, pivots, "nemo-gym", tmp_path / "pivots.parquet")
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        export(store, pivots, "trl", tmp_path / "nowhere" / "pivots.jsonl")
    with pytest.raises(ConfigurationError, match="is no set of pivots"):
        export(store, commit_trajectories(store, PARTS).ref, "trl", tmp_path / "pivots.jsonl")
    with pytest.raises(NotInStore, match="no pivots@gone"):
        export(store, Ref(stage="pivots", version="gone"), "trl", tmp_path / "pivots.jsonl")
    part = store.manifest(commit_trajectories(store, PARTS).ref).table("trajectories")[2]
    store.objects.remove(f"trajectories/{commit_trajectories(store, PARTS).version}/{part.key}")
    whole = tmp_path / "pivots.jsonl"
    whole.write_text("as it was")
    with pytest.raises(StoreError, match="named by its manifest and gone"):
        export(store, pivots, "openai", whole)
    assert whole.read_text() == "as it was" and sorted(path.name for path in tmp_path.iterdir()) == [
        "pivots.jsonl",
        "store",
    ]


def test_every_kind_of_action_is_among_the_rows(store: Store, pivots: Ref) -> None:
    kinds = {pivot.state.demonstration.kind for pivot in known(store, pivots)}
    assert kinds == {ActionKind.MESSAGE, ActionKind.CALL, ActionKind.CALLS}
