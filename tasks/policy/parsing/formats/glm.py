"""GLM 4.5 and later, Ling 3, Laguna, Spark 2.5: keys and values in turn; newer models write no line breaks.

<tool_call>get_order
<arg_key>order_id</arg_key>
<arg_value>17</arg_value>
</tool_call>
"""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats.hermes import CLOSE, OPEN
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import typed_value

FORMAT = Format(
    reader(
        Tags(
            block=OPEN,
            call=re.compile(r"(?P<name>[^\s<>{}\"]+)"),
            parameter=re.compile(
                r"\s*<arg_key>(?P<name>[^<>\n]+)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>", re.DOTALL
            ),
            close_call="",
            close_block=CLOSE,
            opens_parameter=("<arg_key>", "<arg_value>"),
            others=("</arg_key>", "</arg_value>"),
            value=lambda found, schema: typed_value(found["value"], schema),
        )
    )
)
