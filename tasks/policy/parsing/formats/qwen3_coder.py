"""Qwen3-Coder, Qwen3.5 and later, Nemotron 3, Step 3.5: calls as XML whose parameters are plain text.

    <tool_call>
    <function=get_order>
    <parameter=order_id>
    17
    </parameter>
    </function>
    </tool_call>

vLLM's parser of this format drops a parameter without a closing tag, and takes the text of one that is no value of its
type. Here both are failures.
"""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.hermes import CLOSE, OPEN
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import json_or_python, typed_value

FORMAT = Format(
    reader(
        Tags(
            block=OPEN,
            call=re.compile(r"\s*<function=(?P<name>[^\s<>]+)>"),
            # One line break belongs to each tag, the others to the value.
            parameter=re.compile(r"\s*<parameter=(?P<name>[^<>\n]+)>\n?(?P<value>.*?)\n?</parameter>", re.DOTALL),
            close_call="</function>",
            close_block=CLOSE,
            opens_parameter=("<parameter=",),
            others=("<function=", "</parameter>"),
            value=lambda found, schema: typed_value(found["value"], schema, json_or_python),
        )
    )
)
