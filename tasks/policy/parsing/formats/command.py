"""Command (R7B, A): a response or a JSON list of calls, each between marks.

    <|START_RESPONSE|>It has shipped.<|END_RESPONSE|>
    <|START_ACTION|>[
        {"tool_call_id": "0", "tool_name": "get_order", "parameters": {"order_id": 17}}
    ]<|END_ACTION|>

Newer models write `TEXT` for `RESPONSE`.
"""

from __future__ import annotations

from typing import Any

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import listed_calls, tool_call
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted
from tasks.policy.parsing.json_text import json_text


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The response, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    around, calls = listed_calls(text, "<|START_ACTION|>", "<|END_ACTION|>", _call)
    for kind in ("RESPONSE", "TEXT"):
        around = response(around, f"<|START_{kind}|>", f"<|END_{kind}|>")
    return around, calls


def response(text: str, opened: str, closed: str) -> str:
    """The text between two marks where they stand, and otherwise the text. The prompt may hold the opening mark.

    Raises:
        Malformed: unclosed_call for a mark without its partner, or text outside them.
    """
    inner, mark, after = text.strip().removeprefix(opened).partition(closed)
    if opened in inner or after.strip() or (not mark and opened in text):
        raise Malformed(ParseReason.UNCLOSED_CALL, f"{opened} and {closed} are not around {quoted(text)}")
    return inner


def _call(value: Any, position: int) -> ToolCall:
    shaped = isinstance(value, dict) and value.keys() - {"tool_call_id"} == {"tool_name", "parameters"}
    if not shaped or not all(isinstance(value.get(key, ""), str) for key in ("tool_call_id", "tool_name")):
        raise Malformed(ParseReason.NOT_A_CALL, f"call {position}: {quoted(json_text(value))}")
    return tool_call(value["tool_name"], value["parameters"], position)


FORMAT = Format(read, (("<|START_THINKING|>", "<|END_THINKING|>"),))
