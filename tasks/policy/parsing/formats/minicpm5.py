"""MiniCPM5: calls in XML without an outer tag; a text with `<`, `&` or line breaks stands in CDATA.

    <function name="get_order"><param name="order_id">17</param><param name="note"><![CDATA[a < b]]></param></function>

Its template writes lists and objects as Python prints them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.tagged import Tags, reader
from tasks.policy.parsing.typed_value import json_or_python, typed_value

_OPEN, _CLOSE = "<![CDATA[", "]]>"
_CDATA = rf"{re.escape(_OPEN)}.*?{re.escape(_CLOSE)}"
_PLAIN = rf"(?:(?!<param name=|{re.escape(_OPEN)}).)*?"


def _value(found: re.Match[str], schema: Mapping[str, Any]) -> Any:
    return typed_value(found["value"].removeprefix(_OPEN).removesuffix(_CLOSE), schema, json_or_python)


FORMAT = Format(
    reader(
        Tags(
            block="<function name=",
            call=re.compile(r"\"(?P<name>[^\s<>\"]+)\">"),
            parameter=re.compile(
                rf"\s*<param name=\"(?P<name>[^<>\"\n]+)\">(?P<value>{_CDATA}|{_PLAIN})</param>", re.DOTALL
            ),
            close_call="</function>",
            close_block="",
            opens_parameter=(),  # they may stand in CDATA
            others=("<param name=", "</param>"),
            value=_value,
        )
    )
)
