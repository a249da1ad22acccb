"""Hunyuan 3 (Hy3): one block of calls, each with keys and values in turn. Open models add `:opensource` to each tag.

<tool_calls:opensource>
<tool_call:opensource>get_order<tool_sep:opensource>
<arg_key:opensource>order_id</arg_key:opensource>
<arg_value:opensource>17</arg_value:opensource>
</tool_call:opensource>
</tool_calls:opensource>
"""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import THINK, Format
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import typed_value

_OPEN_SOURCE = ":opensource"


def _tags(suffix: str) -> Tags:
    key = rf"<arg_key{suffix}>(?P<name>[^<>\n]+)</arg_key{suffix}>"
    value = rf"<arg_value{suffix}>(?P<value>.*?)</arg_value{suffix}>"
    return Tags(
        block=f"<tool_calls{suffix}>",
        call=re.compile(rf"\s*<tool_call{suffix}>(?P<name>[^\s<>{{}}\"]+)<tool_sep{suffix}>"),
        parameter=re.compile(rf"\s*{key}\s*{value}", re.DOTALL),
        close_call=f"</tool_call{suffix}>",
        close_block=f"</tool_calls{suffix}>",
        opens_parameter=(f"<arg_key{suffix}>", f"<arg_value{suffix}>"),
        others=(
            f"<tool_call{suffix}>",
            f"<tool_sep{suffix}>",
            f"</arg_key{suffix}>",
            f"</arg_value{suffix}>",
        ),
        value=lambda found, schema: typed_value(found["value"], schema),
        several=True,
    )


FORMAT = Format(
    reader(_tags(_OPEN_SOURCE), _tags("")),
    reasoning=((f"<think{_OPEN_SOURCE}>", f"</think{_OPEN_SOURCE}>"), *THINK),
)
