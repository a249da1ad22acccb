r"""Responses-API items, and NeMo Gym's rows around them.

    {"responses_create_params": {
        "input": [{"role": "user", "content": "Where is order 17?"},
                  {"type": "reasoning", "summary": [{"type": "summary_text", "text": "They want a status."}]},
                  {"type": "function_call", "call_id": "c1", "name": "get_order", "arguments": "{\"id\": 17}"},
                  {"type": "function_call_output", "call_id": "c1", "output": "shipped"}],
        "tools": [{"type": "function", "name": "get_order", "parameters": {...}}]},
     "expected_action": {"type": "message", "content": "It has shipped."}}

`input` may be a text. The last action is the row's demonstration: `expected_action` if it has one, else what the model
did (`response.output`), else `expected_answer`.

A row with an expected action repeats the whole prefix of its trajectory, so it is marked `only_last_action`. Beside an
expected call there may be `content` and `reasoning` (`pivotrl export` writes them). The reward of such a row belongs to
the model's response, and its `id` or `uuid` to the row, not to a task. They are kept in the metadata only. So is the
harness's name (`agent_ref`), since it is no domain.

Also taken: {"input": [...], "output": [...]} as an API log has it, and a bare list of items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.chat import Message, Role, message
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected, as_id, small_fields
from tasks.stages.ingest.messages import chat_messages, content_text, tool_calls
from tasks.stages.ingest.reward import outcome

_ITEM_TYPES = frozenset({"function_call", "function_call_output", "reasoning", "message"})
_TASK_KEYS = ("task_id", "instance_id")


def recognises(value: Any) -> bool:
    """Whether the value has `responses_create_params`, or `input` and `output` with items, or is a list of items."""
    if isinstance(value, list):
        return any(is_item(item) and item["type"] != "message" for item in value)
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("responses_create_params"), Mapping):
        return True
    return isinstance(value.get("input"), str | list) and isinstance(value.get("output"), list)


def is_item(value: Any) -> bool:
    """Whether a value is a Responses-API item."""
    return isinstance(value, Mapping) and isinstance(value.get("type"), str) and value["type"] in _ITEM_TYPES


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: an item that cannot be taken.
    """
    if isinstance(value, list):
        return Episode(messages(value))
    params = value.get("responses_create_params", value)
    conversation = _prompt(params)
    ending, only_last = _ending(value)
    conversation += ending
    reward, success = outcome(value)
    metadata = small_fields(value, (*_TASK_KEYS, "reward", "domain", "domain_name", "expected_answer"))
    if agent := as_id(_inside(value, "agent_ref").get("name")):
        metadata["agent"] = agent
    if only_last:
        metadata |= {"only_last_action": True} | ({} if reward is None else {"response_reward": reward})
        reward = success = None
    rollout = "responses_create_params" in value and not only_last
    return Episode(
        conversation,
        tools=params.get("tools"),
        task_id=_task(value, params) or (as_id(value.get("id")) if rollout else ""),
        domain=as_id(value.get("domain"), value.get("domain_name")),
        reward=reward,
        success=success,
        metadata=metadata,
    )


def _task(value: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """The task's name: in the row, in the metadata of its parameters, or in the `task` that tau^2's server adds."""
    names = [where.get(key) for where in (value, _inside(params, "metadata")) for key in _TASK_KEYS]
    return as_id(*names, _inside(value, "task").get("id"))


def _inside(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _prompt(params: Mapping[str, Any]) -> list[Message]:
    content = params.get("input")
    if isinstance(content, str):
        prompt = [message(Role.USER, content)]
    else:
        prompt = messages(content if isinstance(content, list) else [])
    instructions = params.get("instructions")
    if isinstance(instructions, str) and instructions:
        prompt.insert(0, message(Role.SYSTEM, instructions))
    return prompt


def _ending(value: Mapping[str, Any]) -> tuple[list[Message], bool]:
    """(what follows the prompt, whether only its last action is a demonstration)."""
    expected = value.get("expected_action")
    if isinstance(expected, Mapping):
        return [_expected(expected)], True
    response = value.get("response") if isinstance(value.get("response"), Mapping) else value
    output = response.get("output") if isinstance(response, Mapping) else None
    if isinstance(output, list):
        return messages(output), False
    answer = value.get("expected_answer")
    return ([message(Role.ASSISTANT, answer)], True) if isinstance(answer, str) and answer else ([], False)


def _expected(action: Mapping[str, Any]) -> Message:
    kind = action.get("type")
    content, reasoning = content_text(action.get("content"), -1)[0], as_id(action.get("reasoning"))
    if kind == "function_call":
        return message(Role.ASSISTANT, content, reasoning=reasoning, tool_calls=tool_calls(dict(action), -1))
    if kind == "function_call_batch" and isinstance(action.get("calls"), list):
        return message(Role.ASSISTANT, content, reasoning=reasoning, tool_calls=tool_calls(action["calls"], -1))
    if kind == "message":
        return message(Role.ASSISTANT, content, reasoning=reasoning)
    raise Rejected(RejectReason.MALFORMED_MESSAGE, f"expected_action of type {str(kind)[:80]!r}")


def messages(items: Sequence[Any]) -> list[Message]:
    """Responses-API items as messages, one per item: reasoning, text and calls of one answer are still apart.

    Raises:
        Rejected: an item of another kind.
    """
    return [converted for position, item in enumerate(items) for converted in _converted(item, position)]


def _converted(item: Any, position: int) -> list[Message]:
    kind = item.get("type") if isinstance(item, Mapping) else None
    if kind == "function_call":
        call = {
            "id": as_id(item.get("call_id"), item.get("id")),
            "name": item.get("name"),
            "arguments": item.get("arguments"),
        }
        return [message(Role.ASSISTANT, tool_calls=tool_calls(call, position))]
    if kind == "function_call_output":
        output = content_text(item.get("output"), position, Role.TOOL)[0]
        return [message(Role.TOOL, output, tool_call_id=as_id(item.get("call_id")))]
    if kind == "reasoning":
        parts = [part for key in ("summary", "content") if isinstance(item.get(key), list) for part in item[key]]
        texts = [part["text"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        return [message(Role.ASSISTANT, reasoning="\n".join(texts))]
    if kind not in (None, "message"):
        raise Rejected(
            RejectReason.UNSUPPORTED_CONTENT, f"item {position} is a {str(kind)[:80]!r}, not a function call or text"
        )
    return chat_messages([item])
