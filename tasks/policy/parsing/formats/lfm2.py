"""LFM2 and LFM2.5: text, then a list of calls in Python between marks. Nested values may be spelt as JSON.

<|tool_call_start|>[get_order(order_id=17, note='gift')]<|tool_call_end|>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import without_marks
from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.pythonic import calls_at
from tasks.policy.parsing.literals import PYTHON_OR_JSON, expect

_OPEN, _CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter, not_a_call.
    """
    before, mark, rest = text.partition(_OPEN)
    if not mark:
        return without_marks(text, _CLOSE), []
    calls, end = calls_at(rest, 0, PYTHON_OR_JSON)
    after = rest[expect(rest, end, _CLOSE) :]
    return without_marks(before, _CLOSE) + without_marks(after, _OPEN, _CLOSE), calls


FORMAT = Format(read)
