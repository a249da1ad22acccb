"""DeepSeek-V3 and R1: text, then a section of calls whose arguments are fenced JSON.

<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order
```json
{"order_id": 17}
```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
"""

from __future__ import annotations

import re

from tasks.policy.parsing.calls import Section
from tasks.policy.parsing.completion import Format

CALL, SEPARATOR, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
CALLS = Section(
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    head=re.compile(rf"\s*{CALL}function{SEPARATOR}([^\s<`]+)\n```json\n"),
    tail=re.compile(rf"\s*```\s*{CALL_END}"),
    inner=(CALL, SEPARATOR, CALL_END),
)
FORMAT = Format(CALLS.read)
