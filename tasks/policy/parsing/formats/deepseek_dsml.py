"""DeepSeek V3.2 and V4 (DSML): one block of calls in XML; each parameter says whether it is a text or JSON.

    <｜DSML｜function_calls>
    <｜DSML｜invoke name="get_order">
    <｜DSML｜parameter name="order_id" string="false">17</｜DSML｜parameter>
    </｜DSML｜invoke>
    </｜DSML｜function_calls>

V4 calls the block `tool_calls`. V4.1 calls it `calls`, and writes a space before the name of every tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.json_text import strict_json
from tasks.policy.parsing.tagged import Tags, reader

_DSML = "｜DSML｜"


def _value(found: re.Match[str], _: Mapping[str, Any]) -> Any:
    text = found["value"]
    if found["string"] == "true":
        return text
    value = strict_json(text)
    if isinstance(value, str):
        raise ValueError('a string in a parameter that says string="false"')
    return value


def _tags(block: str, mark: str = _DSML) -> Tags:
    attributes = r'name="(?P<name>[^<>"\n]+)" string="(?P<string>true|false)"'
    return Tags(
        block=f"<{mark}{block}>",
        call=re.compile(rf'\s*<{mark}invoke name="(?P<name>[^\s<>"]+)">'),
        parameter=re.compile(rf"\s*<{mark}parameter {attributes}>(?P<value>.*?)</{mark}parameter>", re.DOTALL),
        close_call=f"</{mark}invoke>",
        close_block=f"</{mark}{block}>",
        opens_parameter=(f"<{mark}parameter",),
        others=(_DSML,),
        value=_value,
        several=True,
    )


FORMAT = Format(reader(_tags("function_calls"), _tags("tool_calls"), _tags("calls", f"{_DSML} ")))
