"""Reasoning, the length limit, and which format a template writes."""

from __future__ import annotations

import pytest

from schemas.chat import Action
from tasks.errors import ConfigurationError
from tasks.policy.parsing import FORMATS, Completion, ParseFailure, ParseReason, parser_for, template_format
from tasks.policy.parsing.parser import _MARKS
from tests.tasks.policy.parsing.completions import HERMES


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("Hm.</think>Yes.", "Hm.", "Yes."),
        ("[THINK]Hm.[/THINK]Yes.", "Hm.", "Yes."),
        (f"<think>{HERMES}</think>Yes.", HERMES, "Yes."),
    ],
)
def test_reasoning_is_split_off(text: str, reasoning: str, content: str) -> None:
    assert parser_for("hermes")(text) == Action(content=content, reasoning=reasoning)


@pytest.mark.parametrize(
    "text", ["<think>Hm.", "<think>a</think><think>b", "a</think>b</think>c", "x<think>y</think>z"]
)
def test_open_reasoning_is_a_failure(text: str) -> None:
    failure = parser_for("hermes")(text)
    assert isinstance(failure, ParseFailure) and failure.reason is ParseReason.UNCLOSED_REASONING


@pytest.mark.parametrize("name", FORMATS)
def test_a_completion_cut_at_the_length_limit_is_no_action(name: str) -> None:
    failure: Completion = parser_for(name)("Yes.", finished=False)
    assert isinstance(failure, ParseFailure) and failure.reason is ParseReason.TRUNCATED


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ '<tool_call>\n{\"name\": ' }}", "hermes"),
        ("{{ '<tool_call>\n<function=' }}", "qwen3_coder"),
        ("{{ '[TOOL_CALLS]' }}", "mistral"),
        ("<|start_header_id|>assistant<|end_header_id|>", "llama3_json"),
    ],
)
def test_the_template_decides(template: str, name: str) -> None:
    assert parser_for(template).name == name == parser_for(name).name


def test_a_template_without_a_known_format_asks_for_a_name() -> None:
    with pytest.raises(ConfigurationError, match=r"score\.parser is one of hermes"):
        parser_for("{% for m in messages %}{{ m.content }}{% endfor %}")


def test_every_mark_is_of_a_format_and_is_told_from_the_others() -> None:
    assert {name for _, name in _MARKS} <= set(FORMATS)
    assert [template_format(mark) for mark, _ in _MARKS] == [name for _, name in _MARKS]
    assert template_format("{{ messages }}") == ""
