"""Seed-OSS: Qwen3-Coder's XML in tags of its own, with each value right between its tags.

    <seed:tool_call>
    <function=get_order>
    <parameter=order_id>17</parameter>
    </function>
    </seed:tool_call>

Its template writes lists and objects as Python prints them.
"""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import json_or_python, typed_value

FORMAT = Format(
    reader(
        Tags(
            block="<seed:tool_call>",
            call=re.compile(r"\s*<function=(?P<name>[^\s<>]+)>"),
            parameter=re.compile(r"\s*<parameter=(?P<name>[^<>\n]+)>(?P<value>.*?)</parameter>", re.DOTALL),
            close_call="</function>",
            close_block="</seed:tool_call>",
            opens_parameter=("<parameter=",),
            others=("<function=", "</parameter>"),
            value=lambda found, schema: typed_value(found["value"], schema, json_or_python),
        )
    ),
    reasoning=(("<seed:think>", "</seed:think>"),),
)
