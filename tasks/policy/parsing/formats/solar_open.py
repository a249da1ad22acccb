"""Solar Open: a turn of content or of calls. The prompt has begun it; the mark at its end may be the end of the turn.

<|content|>It has shipped.<|end|>
<|tool_calls|><|tool_call:begin|>c1<|tool_call:name|>get_order<|tool_call:args|>{"id": 17}<|tool_call:end|><|calls|>
"""

from __future__ import annotations

import re

from schemas.chat import ToolCall, ToolSchema
from tasks.policy.parsing.calls import Section, without_marks
from tasks.policy.parsing.completion import Format, Malformed, ParseReason, quoted

_BEGIN, _CONTENT, _END, _CALLS = "<|begin|>assistant", "<|content|>", "<|end|>", "<|calls|>"
_INNER = ("<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>")
_CALL, _NAME, _ARGUMENTS, _CALL_END = map(re.escape, _INNER)
_SECTION = Section(
    "<|tool_calls|>",
    "",
    head=re.compile(rf"\s*{_CALL}[^\s<]*{_NAME}([^\s<]+){_ARGUMENTS}"),
    tail=re.compile(rf"\s*{_CALL_END}"),
    inner=(*_INNER, _CALLS),
)


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The content, and the calls.

    Raises:
        Malformed: unclosed_call, bad_json, not_a_call.
    """
    turn = text.strip().removeprefix(_BEGIN)
    if turn.startswith(_SECTION.opened):
        return _SECTION.read(turn.removesuffix(_CALLS))
    if turn and not turn.startswith(_CONTENT):
        raise Malformed(ParseReason.UNCLOSED_CALL, f"neither content nor calls: {quoted(turn)}")
    content = turn.removeprefix(_CONTENT).removesuffix(_END)
    return without_marks(content, _BEGIN, _CONTENT, _END, _CALLS, _SECTION.opened, *_INNER), []


FORMAT = Format(read, (("<|think|>", _END),))
