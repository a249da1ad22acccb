"""What holds for every format."""

from __future__ import annotations

import re

import pytest

from schemas.chat import Action
from tasks.policy.parsing import FORMATS, parser_for
from tests.tasks.policy.parsing.completions import SAMPLES, TOOLS


def test_every_format_has_samples() -> None:
    assert SAMPLES.keys() == FORMATS.keys() - {"none"}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SAMPLES.items() for text in texts])
def test_half_a_completion_is_no_smaller_action(name: str, text: str) -> None:
    read = parser_for(name)
    whole = read(text, tools=TOOLS)
    named = re.search(r"\bf\b", text)
    assert isinstance(whole, Action) and named
    ends: dict[int, set[str]] = {}
    for cut in range(len(text)):
        part = read(text[:cut], tools=TOOLS)
        if not isinstance(part, Action):
            continue
        if part.tool_calls:
            assert part.tool_calls == whole.tool_calls[: len(part.tool_calls)], text[:cut]
            assert whole.content.startswith(part.content), text[:cut]
            # harmony ends a call with a stop token, which the last call of a completion has not
            ends.setdefault(len(part.tool_calls), set()).add(text[:cut].strip().removesuffix("<|call|>"))
        else:
            assert cut <= named.end(), f"a call is taken for text: {text[:cut]}"
    # A whole call ends at one place. Where a block holds several, it ends at none before the block's own end.
    assert all(len(places) == 1 for places in ends.values()), ends
    if name in ("hunyuan", "minimax_m2", "minimax_m3", "deepseek_dsml"):
        assert not ends
