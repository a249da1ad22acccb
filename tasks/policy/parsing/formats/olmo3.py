"""Olmo 3: text, then calls in Python between tags, one in each line. Values may be spelt as JSON.

<function_calls>
get_order(order_id=17)
get_user(user_id='u1', active=true)
</function_calls>
"""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import calls_in_lines, tool_call
from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.pythonic import call_at
from tasks.policy.parsing.literals import PYTHON_OR_JSON


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_parameter.
    """
    return calls_in_lines(text, "<function_calls>", "</function_calls>", _call_at)


def _call_at(text: str, start: int, position: int) -> tuple[ToolCall, int]:
    name, arguments, end = call_at(text, start, PYTHON_OR_JSON)
    return tool_call(name, arguments, position), end


FORMAT = Format(read)
