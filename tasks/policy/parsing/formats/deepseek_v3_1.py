"""DeepSeek-V3.1: text, then a section of calls.

<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_order<｜tool▁sep｜>{"id": 17}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import Section
from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.deepseek_v3 import CALL, CALL_END, SECTION, SECTION_END, SEPARATOR

_CALLS = Section(
    SECTION,
    SECTION_END,
    head=re.compile(rf"\s*{CALL}\s*([^\s<]+)\s*{SEPARATOR}"),
    tail=re.compile(rf"\s*{CALL_END}"),
    inner=(CALL, SEPARATOR, CALL_END),
)


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return _CALLS.read(text)


FORMAT = Format(read)
