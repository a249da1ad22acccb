"""DeepSeek-V3.1: text, then a section of calls.

<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_order<｜tool▁sep｜>{"id": 17}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
"""

from __future__ import annotations

import re
from dataclasses import replace

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.deepseek_v3 import CALL, CALL_END, CALLS, SEPARATOR

_CALLS = replace(CALLS, head=re.compile(rf"\s*{CALL}\s*([^\s<]+)\s*{SEPARATOR}"), tail=re.compile(rf"\s*{CALL_END}"))
FORMAT = Format(_CALLS.read)
