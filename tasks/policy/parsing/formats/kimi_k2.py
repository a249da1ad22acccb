"""Kimi-K2: text, then a section of calls whose ids name the tool.

<|tool_calls_section_begin|><|tool_call_begin|>functions.get_order:0<|tool_call_argument_begin|>{"order_id": 17}\
<|tool_call_end|><|tool_calls_section_end|>
"""

from __future__ import annotations

import re

from tasks.policy.parsing.calls import Section
from tasks.policy.parsing.completion import Format

_CALL, _ARGUMENTS, _CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
_CALLS = Section(
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    head=re.compile(rf"\s*{re.escape(_CALL)}\s*functions\.([^\s<:]+):[0-9]+\s*{re.escape(_ARGUMENTS)}"),
    tail=re.compile(rf"\s*{re.escape(_CALL_END)}"),
    inner=(_CALL, _ARGUMENTS, _CALL_END),
)
FORMAT = Format(_CALLS.read)
