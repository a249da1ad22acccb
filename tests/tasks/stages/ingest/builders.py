"""Small records in every format, and a way to ingest what a test writes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from schemas.config import IngestConfig
from schemas.rejects import RejectReason
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.records import Reject
from tasks.stages.ingest.trajectory import Trajectory

TOOL = {"name": "get_order", "description": "An order.", "parameters": {"type": "object", "properties": {"id": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": '{"id": 17}'}}
USER = {"role": "user", "content": "Where is order 17?"}
OPENAI = {
    "messages": [
        {"role": "system", "content": "You are a clerk."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "shipped"},
        {"role": "assistant", "content": "It has shipped."},
    ],
    "tools": [{"type": "function", "function": TOOL}],
    "task_id": 58,
    "reward": 1.0,
}
SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "Where is order 17?"},
        {"from": "function_call", "value": '{"name": "get_order", "arguments": {"id": 17}}'},
        {"from": "observation", "value": "shipped"},
        {"from": "gpt", "value": "It has shipped."},
    ],
    "tools": json.dumps([TOOL]),
}
TAU2 = {
    "task_id": "0",
    "trial": 1,
    "termination_reason": "user_stop",
    "reward_info": {"reward": 1.0},
    "messages": [
        {"role": "assistant", "content": "Hi! How can I help you today?", "tool_calls": None},
        {"role": "user", "content": "My data is slow."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "name": "get_line", "arguments": {"id": "L1"}, "requestor": "assistant"}],
        },
        {"role": "tool", "id": "c1", "content": "active", "requestor": "assistant"},
        {"role": "assistant", "content": "Look at the status bar."},
        {
            "role": "user",
            "content": None,
            "tool_calls": [{"id": "c2", "name": "check_status_bar", "arguments": {}, "requestor": "user"}],
        },
        {"role": "tool", "id": "c2", "content": "2G", "requestor": "user"},
        {"role": "user", "content": "It says 2G. ###STOP###"},
    ],
}
TAU2_RESULTS = {
    "info": {"environment_info": {"domain_name": "telecom", "policy": "# Telecom policy", "tool_defs": None}},
    "tasks": [],
    "simulations": [TAU2, {**TAU2, "messages": TAU2["messages"][:3]}],
}
RESPONSES = {
    "responses_create_params": {
        "input": [
            {"role": "developer", "content": "You are a clerk."},
            USER,
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "They want a status."}]},
            {"type": "function_call", "call_id": "c1", "name": "get_order", "arguments": '{"id": 17}'},
            {"type": "function_call_output", "call_id": "c1", "output": "shipped"},
        ],
        "tools": [{"type": "function", "strict": True, **TOOL}],
    },
    "expected_action": {"type": "message", "content": "It has shipped."},
    "agent_ref": {"type": "responses_api_agents", "name": "clerk"},
}
SWE_AGENT = {
    "environment": "main",
    "info": {"exit_status": "submitted"},
    "trajectory": [],
    "history": [
        {"role": "system", "content": "SETTING: ...", "agent": "main", "message_type": "system_prompt"},
        {"role": "user", "content": [{"type": "text", "text": "Fix it.", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": "Let me look.",
            "thought": "Let me look.",
            "action": "open f.py",
            "tool_calls": [{"id": "c1", "function": {"name": "open", "arguments": '{"path": "f.py"}'}}],
        },
        {"role": "tool", "content": "[File: f.py]\r\n", "tool_call_ids": ["c1"]},
    ],
}
TOOLBENCH = {
    "win": True,
    "answer_generation": {
        "function": [TOOL],
        "train_messages": [
            [USER, {"role": "assistant", "function_call": {"name": "get_order", "arguments": "{}"}}],
            [
                USER,
                {"role": "assistant", "function_call": {"name": "get_order", "arguments": "{}"}},
                {"role": "function", "name": "get_order", "content": "shipped"},
                {"role": "assistant", "content": "It has shipped."},
            ],
        ],
    },
}
TOOLTALK = {
    "name": "CreateEvent-easy",
    "conversation": [
        {"index": 0, "role": "user", "text": "Create an event."},
        {
            "index": 1,
            "role": "assistant",
            "text": "Done.",
            "apis": [
                {
                    "request": {"api_name": "CreateEvent", "parameters": {"name": "Concert"}},
                    "response": {"event_id": "e1"},
                    "exception": None,
                }
            ],
        },
    ],
}


def _event(number: int, **fields: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "I rename it.", "tool_calls": [CALL, {**CALL, "id": "c2"}]}
    model_response = {"id": "r1", "choices": [{"message": said}]}
    return {
        "id": number,
        "source": "agent",
        **fields,
        "tool_call_metadata": {"tool_call_id": fields.pop("call", "c1"), "model_response": model_response},
    }


OPENHANDS = [
    {"id": 0, "source": "agent", "action": "system", "args": {"content": "You are OpenHands.", "tools": [TOOL]}},
    {"id": 1, "source": "user", "action": "message", "args": {"content": "Rename f.py"}},
    {"id": 2, "source": "user", "action": "recall", "args": {"query": "Rename f.py"}},
    _event(3, action="run", args={"command": "mv f.py g.py"}),
    _event(4, action="run", args={"command": "ls"}, call="c2"),
    _event(5, observation="run", cause=3, content="done"),
    _event(6, observation="run", cause=4, content="g.py", call="c2"),
]
EXAMPLES: dict[str, Any] = {
    "openai": OPENAI,
    "sharegpt": SHAREGPT,
    "tau2": TAU2,
    "responses": RESPONSES,
    "swe_agent": SWE_AGENT,
    "toolbench": TOOLBENCH,
    "tooltalk": TOOLTALK,
    "openhands": OPENHANDS,
}


def openai_record(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A record in the OpenAI form with these messages."""
    return {"messages": copy.deepcopy(list(messages)), **fields}


def said(text: str, question: str = "Where is order 17?") -> dict[str, Any]:
    """A record in which the assistant answers a question with that text."""
    return openai_record({"role": "user", "content": question}, {"role": "assistant", "content": text})


def ingested(path: Path, content: bytes | str | None = None, **settings: Any) -> list[Trajectory | Reject]:
    """All outcomes of a file or folder, after writing `content` there."""
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(ingest(IngestConfig(source=str(path), **settings)))


def trajectory_of(tmp_path: Path, record: Any, **settings: Any) -> Trajectory:
    """The trajectory of a file with one record."""
    [outcome] = ingested(tmp_path / "record.json", json.dumps(record), **settings)
    assert isinstance(outcome, Trajectory), outcome
    return outcome


def reasons(outcomes: list[Trajectory | Reject]) -> list[RejectReason | str]:
    """The reason of each reject, "taken" for each trajectory."""
    return [outcome.reason if isinstance(outcome, Reject) else "taken" for outcome in outcomes]


def roles(trajectory: Trajectory) -> list[str]:
    """Who speaks, message by message."""
    return [message["role"] for message in trajectory.messages]


def metadata(trajectory: Trajectory) -> dict[str, Any]:
    """The trajectory's metadata as an object."""
    fields: dict[str, Any] = json.loads(trajectory.metadata_json)
    return fields
