r"""NeMo Gym's pivot row, as its server single_step_tool_use_with_argument_comparison takes it:

    {"responses_create_params": {
        "input": [{"type": "message", "role": "user", "content": "Where is order 17?"}],
        "tools": [{"type": "function", "name": "get_order", "parameters": {...}, "strict": false}],
        "parallel_tool_calls": false, "tool_choice": "auto"},
     "expected_action": {"type": "function_call", "name": "get_order", "arguments": "{\"id\": 17}", "call_id": "c1"},
     "agent_ref": {"type": "responses_api_agents", "name": "single_step_tool_use_with_argument_comparison_agent"},
     "pass_rate": 0.5, "pass_rate_total": 8, "pass_rate_passed": 4,
     "trajectory_id": "9f2c...", "turn_index": 0, "task_id": "58", "domain": "retail", "provenance": {...}}

The server does not read `call_id`, nor the `content` and `reasoning` of a turn with calls. They are there so that
`ingest` can read the row again as the same state.
"""

from __future__ import annotations

from typing import Any

from schemas.chat import Action, ActionKind, Message, Role, ToolCall, ToolSchema
from tasks.exchange.pivots import Pivot

_AGENT = {"type": "responses_api_agents", "name": "single_step_tool_use_with_argument_comparison_agent"}


def row(pivot: Pivot) -> dict[str, Any]:
    """A pivot as one row; it repeats the whole history."""
    state, profile = pivot.state.state, pivot.row
    return {
        "responses_create_params": {
            "input": [item for message in state.messages for item in _items(message)],
            "tools": [_tool(schema) for schema in state.tools],
            "parallel_tool_calls": pivot.state.demonstration.kind is ActionKind.CALLS,
            "tool_choice": "auto",
        },
        "expected_action": expected_action(pivot.state.demonstration),
        "agent_ref": _AGENT,
        "pass_rate": pivot.pass_rate,
        "pass_rate_total": profile["n"],
        "pass_rate_passed": profile["successes"],
        "trajectory_id": state.trajectory_id,
        "turn_index": state.turn_index,
        "task_id": pivot.task_id,
        "domain": state.domain,
        "provenance": {
            "artefact": pivot.artefact,
            "message_index": len(state.messages),
            "rank": profile["rank"],
            "why": profile["why"],
            "mean": profile["mean"],
            "variance": profile["variance"],
        },
    }


def expected_action(action: Action) -> dict[str, Any]:
    """The demonstration: one call, a batch of calls, or a message."""
    beside = {key: text for key, text in (("content", action.content), ("reasoning", action.reasoning)) if text}
    if action.kind is ActionKind.CALL:
        return {"type": "function_call", **_call(action.tool_calls[0]), **beside}
    if action.kind is ActionKind.CALLS:
        calls = [{"type": "function_call", **_call(call)} for call in action.tool_calls]
        return {"type": "function_call_batch", "calls": calls, **beside}
    return {"type": "message", "content": "", **beside}


def _call(call: ToolCall) -> dict[str, str]:
    return {"name": call["name"], "arguments": call["arguments"], "call_id": call["id"]}


def _items(message: Message) -> list[dict[str, Any]]:
    """One message as Responses-API items: reasoning, text and calls of an assistant are items of their own."""
    if message["role"] == Role.TOOL:
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    said = {"type": "message", "role": message["role"], "content": message["content"]}
    if message["role"] != Role.ASSISTANT:
        return [said]
    thought = [{"type": "summary_text", "text": message["reasoning"]}]
    items: list[dict[str, Any]] = [{"type": "reasoning", "summary": thought}] if message["reasoning"] else []
    items += [said] if message["content"] or not (items or message["tool_calls"]) else []
    return items + [{"type": "function_call", **_call(call)} for call in message["tool_calls"]]


def _tool(schema: ToolSchema) -> dict[str, Any]:
    """The flat form. NeMo Gym wants the key `parameters` even where there are none."""
    return {"type": "function", "parameters": None, "strict": False, **schema["function"]}
