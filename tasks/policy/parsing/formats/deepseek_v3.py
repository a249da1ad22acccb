"""DeepSeek-V3 and R1: text, then a section of calls whose arguments are fenced JSON.

<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order
```json
{"order_id": 17}
```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import Section
from tasks.policy.parsing.completion import Format

SECTION, SECTION_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, SEPARATOR, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
_CALLS = Section(
    SECTION,
    SECTION_END,
    head=re.compile(rf"\s*{CALL}function{SEPARATOR}([^\s<`]+)\n```json\n"),
    tail=re.compile(rf"\s*```\s*{CALL_END}"),
    inner=(CALL, SEPARATOR, CALL_END),
)


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """Text around the calls, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    return _CALLS.read(text)


FORMAT = Format(read)
