"""MiniMax M2: one block of calls in XML; values that are no text are JSON.

<minimax:tool_call>
<invoke name="get_order">
<parameter name="order_id">17</parameter>
</invoke>
</minimax:tool_call>
"""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import typed_value

FORMAT = Format(
    reader(
        Tags(
            block="<minimax:tool_call>",
            call=re.compile(r"\s*<invoke name=\"(?P<name>[^\s<>\"]+)\">"),
            parameter=re.compile(r"\s*<parameter name=\"(?P<name>[^<>\"\n]+)\">(?P<value>.*?)</parameter>", re.DOTALL),
            close_call="</invoke>",
            close_block="</minimax:tool_call>",
            opens_parameter=("<parameter name=",),
            others=("<invoke name=", "</parameter>"),
            value=lambda found, schema: typed_value(found["value"], schema),
            several=True,
        )
    )
)
