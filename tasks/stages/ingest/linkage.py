"""One message per model call, and every tool result linked to its call.

Results name their call by id, by function name, or only by position, and some sources use an id twice. After `linked`,
ids are unique within the trajectory: the second call with the id "c1" becomes "c1-2", and calls without an id become
"call-0", "call-1" and so on.

A result without a call stays, and so does a call without a result: the agent saw them so, and chat templates render
both. The warnings count them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.chat import Message, Role, ToolCall, message


@dataclass(slots=True)
class _Call:
    recorded_id: str
    call: ToolCall
    turn: int
    answered: bool = False


def merged(messages: Iterable[Message]) -> list[Message]:
    """Each run of assistant messages as one message: reasoning, text and calls of one model call are one action."""
    result: list[Message] = []
    for item in messages:
        last = result[-1] if result else None
        if last is None or last["role"] != Role.ASSISTANT or item["role"] != Role.ASSISTANT:
            result.append(item)
            continue
        result[-1] = message(
            Role.ASSISTANT,
            "\n".join(text for text in (last["content"], item["content"]) if text),
            reasoning="\n".join(text for text in (last["reasoning"], item["reasoning"]) if text),
            tool_calls=last["tool_calls"] + item["tool_calls"],
        )
    return result


def linked(messages: Sequence[Message]) -> tuple[list[Message], dict[str, int]]:
    """(messages with unique call ids and linked results, warnings with their counts).

    Warnings: reused_call_ids, calls_without_result, results_without_call, repeated_results.
    """
    warnings: Counter[str] = Counter()
    calls: list[_Call] = []
    used: set[str] = set()
    result: list[Message] = []
    for turn, item in enumerate(messages):
        if item["role"] == Role.ASSISTANT:
            new = [_named(call, used, warnings) for call in item["tool_calls"]]
            calls.extend(_Call(old["id"], call, turn) for old, call in zip(item["tool_calls"], new, strict=True))
            result.append(message(Role.ASSISTANT, item["content"], reasoning=item["reasoning"], tool_calls=new))
        elif item["role"] == Role.TOOL:
            result.append(_linked_result(item, calls, warnings))
        else:
            result.append(item)
    unanswered = sum(not call.answered for call in calls)
    if unanswered:
        warnings["calls_without_result"] = unanswered
    return result, dict(sorted(warnings.items()))


def _named(call: ToolCall, used: set[str], warnings: Counter[str]) -> ToolCall:
    wanted = call["id"]
    if wanted in used:
        warnings["reused_call_ids"] += 1
    number = 1 if wanted else -1
    name = wanted
    while not name or name in used:
        number += 1
        name = f"{wanted}-{number}" if wanted else f"call-{number}"
    used.add(name)
    return ToolCall(id=name, name=call["name"], arguments=call["arguments"])


def _linked_result(item: Message, calls: Sequence[_Call], warnings: Counter[str]) -> Message:
    """The result with its call's id and name, if there is such a call."""
    call = _by_id(item["tool_call_id"], calls) if item["tool_call_id"] else _by_place(item["name"], calls)
    if call is None:
        warnings["results_without_call"] += 1
        return item
    if call.answered:
        warnings["repeated_results"] += 1
    call.answered = True
    name = item["name"] or call.call["name"]
    return message(Role.TOOL, item["content"], tool_call_id=call.call["id"], name=name)


def _by_id(call_id: str, calls: Sequence[_Call]) -> _Call | None:
    """The latest earlier call of that id. Where one turn repeats the id, it is the first without a result."""
    same = [call for call in calls if call.recorded_id == call_id]
    nearest = [call for call in same if call.turn == same[-1].turn]
    return next((call for call in nearest if not call.answered), nearest[-1] if nearest else None)


def _by_place(name: str, calls: Sequence[_Call]) -> _Call | None:
    """The first call of the latest turn without a result: one of that name if there is one, else any."""
    waiting = [call for call in calls if not call.answered and call.turn == calls[-1].turn]
    return next((call for call in waiting if call.call["name"] == name), waiting[0] if waiting else None)
