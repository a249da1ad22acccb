"""Cases to try a verifier on before GPU hours are spent, one JSON object per line:

    {"expected": {"type": "function_call", "name": "get_order", "arguments": "{\\"order_id\\": 17}"},
     "actual": {"type": "message", "content": "Which order?"},
     "tools": [{"type": "function", "name": "get_order", "parameters": {...}}], "domain": "retail"}

Actions are written as in a NeMo Gym row. `actual` may also be the text of a completion, or null for no action at all.
For `world_state` a case names `world`, `task_id` and the `messages` so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schemas.chat import Action, Message, State, ToolCall, ToolSchema, message
from tasks.errors import InputError
from tasks.policy.parsing import Completion, NotStrict, ParseFailure, Parser, ParseReason, json_text, strict_json
from tasks.verifiers.verdict import Reason, Verdict, Verify, no


def verdicts(lines: Iterable[str], verify: Verify, parse: Parser) -> Iterator[Verdict]:
    """One verdict per line that is not blank.

    A line that Python reads and the JSON standard refuses (NaN, a repeated key, half a surrogate pair) gets one too.

    Raises:
        InputError: a line is not a JSON object with `expected` and `actual`; the text names the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = strict_json(line)
        except NotStrict as error:
            yield no(Reason.PARSE_FAILURE, f"the case: {error}")
            continue
        except ValueError as error:
            raise InputError(f"line {number} of the cases is not JSON: {error}") from error
        if not isinstance(case, dict) or not {"expected", "actual"} <= case.keys():
            raise InputError(f"line {number} of the cases is not an object with `expected` and `actual`")
        yield verdict(case, verify, parse, name=f"case {number}")


def verdict(case: dict[str, Any], verify: Verify, parse: Parser, *, name: str) -> Verdict:
    """The verdict on one case. An action in another form than a NeMo Gym row's counts as one that cannot be read.

    Args:
        name: of the case, and of no other: `world_state` keeps worlds by trajectory, for which the name stands.
    """
    try:
        demonstration = action(case["expected"])
    except ValueError as error:
        return no(Reason.BAD_DEMONSTRATION, str(error))
    state = _state(case, name)
    return verify(state, demonstration, _completion(case["actual"], state, parse))


def action(value: Any) -> Action:
    """The action that a NeMo Gym row writes as this value.

    Raises:
        ValueError: the value is no action.
    """
    form = value.get("type") if isinstance(value, dict) else None
    if form == "function_call":
        return Action(tool_calls=(_call(value, 0),))
    if form == "function_call_batch" and isinstance(value.get("calls"), list) and value["calls"]:
        return Action(tool_calls=tuple(_call(call, position) for position, call in enumerate(value["calls"])))
    if form == "message":
        return Action(content=_text(value.get("content")))
    raise ValueError(f"not an action of type message, function_call or function_call_batch: {json_text(value):.200}")


def _completion(value: Any, state: State, parse: Parser) -> Completion:
    if isinstance(value, str):
        return parse(value, tools=state.tools)
    if value is None:
        return Action()
    try:
        return action(value)
    except ValueError as error:
        return ParseFailure(ParseReason.NOT_A_CALL, str(error))


def _call(value: Any, position: int) -> ToolCall:
    """One call. Its arguments stay text, malformed or not; an object becomes text."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError(f"call {position} has no name: {json_text(value):.200}")
    arguments = value.get("arguments", "")
    arguments = arguments if isinstance(arguments, str) else json_text(arguments)
    return ToolCall(id=f"call_{position}", name=value["name"], arguments=arguments)


def _text(content: Any) -> str:
    """A message's text: a string, or the text parts of a list."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _state(case: dict[str, Any], name: str) -> State:
    tools = case.get("tools")
    messages = case.get("messages")
    return State(
        trajectory_id=name,
        turn_index=0,
        messages=tuple(_message(m) for m in messages if isinstance(m, dict)) if isinstance(messages, list) else (),
        tools=tuple(_tool(tool) for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else (),
        domain=str(case.get("domain", "")),
        task_id=str(case.get("task_id", "")),
        world=str(case.get("world", "")),
    )


def _tool(tool: dict[str, Any]) -> ToolSchema:
    """A tool of Chat Completions, which wrap the function, or of the Responses API, which does not."""
    inner = tool.get("function")
    function = inner if isinstance(inner, dict) else {key: value for key, value in tool.items() if key != "type"}
    return ToolSchema(type="function", function={**function, "name": str(function.get("name", ""))})  # type: ignore[typeddict-item]


def _message(value: dict[str, Any]) -> Message:
    calls = [_call(call.get("function", call), i) for i, call in enumerate(value.get("tool_calls") or [])]
    return message(
        str(value.get("role", "")),
        _text(value.get("content")),
        tool_calls=calls,
        tool_call_id=str(value.get("tool_call_id", "")),
    )
