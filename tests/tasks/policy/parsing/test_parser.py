"""Reasoning, the length limit, and the formats by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.chat import Action
from tasks.errors import ConfigurationError
from tasks.policy.parsing import FORMATS, Completion, ParseFailure, ParseReason, parser_for
from tests.builders import TOOLS
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
    ("prompt", "text", "reason"),
    [
        ("assistant\n<think>\n", "Hm.", ParseReason.OVERLONG_REASONING),
        ("assistant\n<think>\n", "Hm.</think>Ye", ParseReason.TRUNCATED),
        ("assistant\n", "<think>Hm.", ParseReason.OVERLONG_REASONING),
        ("assistant\n", "Ye", ParseReason.TRUNCATED),
        ("assistant\n<think>\n\n</think>\n\n", "Ye", ParseReason.TRUNCATED),
    ],
)
def test_a_completion_cut_off_in_its_thought_says_so_where_the_thought_has_a_limit(
    prompt: str, text: str, reason: ParseReason
) -> None:
    parse = parser_for("hermes")
    limited = replace(parse, reasoning_limited=True)(text, finished=False, prompt=prompt)
    assert isinstance(limited, ParseFailure) and limited.reason is reason
    without_limit = parse(text, finished=False, prompt=prompt)
    assert without_limit == ParseFailure(
        ParseReason.TRUNCATED, f"stopped at the length limit after {len(text)} characters"
    )


@pytest.mark.parametrize(
    ("prompt", "text", "completion"),
    [
        ("<|im_start|>assistant\n<think>\n", "Hm. It has shipped.", None),
        ("<|im_start|>assistant\n<think>\n", f"Hm. {HERMES}", None),
        ("<|im_start|>assistant\n<think>\n", "Hm.</think>Yes.", Action("Yes.", "Hm.")),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "Yes.", Action("Yes.")),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "<think>Hm.</think>Yes.", None),
        ("<｜Assistant｜></think>", "Yes.", Action("Yes.")),
        ("<|im_start|>assistant\n", "Hm.</think>Yes.", None),
        ("<|im_start|>assistant\n", "<think>Hm.</think>Yes.", Action("Yes.", "Hm.")),
        ("user: what is <think>?\nassistant:", "Yes.", Action("Yes.")),
        ("[THINK]", "Hm.", None),
    ],
)
def test_the_end_of_the_prompt_says_whether_reasoning_is_open(
    prompt: str, text: str, completion: Action | None
) -> None:
    read = parser_for("hermes")(text, prompt=prompt)
    if completion is None:
        assert isinstance(read, ParseFailure) and read.reason is ParseReason.UNCLOSED_REASONING
    else:
        assert read == completion


def test_a_format_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match=r"score\.parser 'hermse': no such format; there are hermes"):
        parser_for("hermse")


USERS = """
def read(text, tools):
    if "!" in text:
        raise KeyError("an exclamation")
    name, value = text.split("=")
    return "", [(name, {"value": value, "tools": len(tools)})]
"""


def test_a_function_of_the_users_reads_what_no_format_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_format.py").write_text(USERS)
    monkeypatch.syspath_prepend(tmp_path)
    parse = parser_for("their_format:read")
    read = parse("Hm.</think>look=3", tools=tuple(TOOLS), prompt="<think>")
    assert isinstance(read, Action) and read.reasoning == "Hm."
    assert [(c["name"], c["arguments"]) for c in read.tool_calls] == [("look", '{"value": "3", "tools": 1}')]
    failure = parse("look!")
    assert isinstance(failure, ParseFailure) and failure.detail == "their_format:read: KeyError: 'an exclamation'"
    for name in ("their_format:nothing", "no_such_module:read", "their_format:__name__"):
        with pytest.raises(ConfigurationError, match=r"score\.parser"):
            parser_for(name)
