"""A policy's format is found by what its template writes, and a format that does not fit is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.probe import find_parser, parts_not_shown, probe

DESKS = (DESK / "chat_template.jinja").read_text()


def chat_with(template: str, folder: Path, parser: str = "auto") -> ChatFormat:
    shutil.copytree(DESK, folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model" / "chat_template.jinja").write_text(template)
    return ChatFormat(folder / "model", parser)


def test_the_format_is_the_one_that_reads_back_what_the_template_writes() -> None:
    template = ChatFormat(DESK).template
    assert probe(template).formats == ("hermes",) and find_parser(template, "auto").name == "hermes"
    assert parts_not_shown(template) == ("reasoning",)


def test_marks_alone_are_no_format(tmp_path: Path) -> None:
    chat = chat_with("{# <tool_call> <function= [TOOL_CALLS] #}" + DESKS.replace("tool_call>", "call>"), tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"it writes a call as '<call>\\n\{\"name\": \"zqlook\".*no known format"
    ):
        _ = chat.parser


def test_a_format_that_does_not_read_the_templates_calls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'qwen3_coder' does not read .*; take hermes, or auto"):
        _ = ChatFormat(DESK, "qwen3_coder").parser
    assert ChatFormat(DESK, "hermes").parser.name == "hermes"
    assert ChatFormat(DESK, "terminus").parser.name == "terminus", "a format of text alone needs no call"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (DESKS.replace("message.tool_calls or []", "[]"), "it does not write a tool call of the assistant"),
        (
            "{% if messages[-1].role == 'assistant' %}{{ raise_exception('users only') }}{% endif %}" + DESKS,
            r"it refuses a tool call of the assistant \(the chat template refuses these 2 messages: users only",
        ),
        (DESKS.replace("<|im_end|>", "<|done|>"), r"the template ends the action with .*<\|done\|>"),
        (
            "{{ messages[-1].content }}" + DESKS,
            "for a message, the template rewrites the prompt where an action follows it",
        ),
    ],
)
def test_the_refusal_names_what_the_template_lacks(template: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        _ = chat_with(template, tmp_path).parser


def test_of_several_formats_the_first_in_the_table_is_taken(tmp_path: Path) -> None:
    llama = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
        '{"name": "{{ c.function.name }}", "parameters": {{ c.function.arguments | tojson }}}{% endfor %}'
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    chat = chat_with(llama, tmp_path)
    assert probe(chat.template).formats == ("llama3_json", "llama4_json") and chat.parser.name == "llama3_json"


def test_parts_that_the_template_does_not_show_are_named(tmp_path: Path) -> None:
    silent = DESKS.replace("message.role == 'tool'", "message.role == 'nobody'").replace(
        "(message.content or '')", "''"
    )
    hidden = parts_not_shown(chat_with(silent, tmp_path).template)
    assert {"results of tools", "text beside a call", "reasoning"} <= set(hidden)
    assert not {"system messages", "tools", "earlier calls", "several calls in a turn"} & set(hidden)
    single = DESKS.replace("message.tool_calls or []", "(message.tool_calls or [])[:1]")
    assert "several calls in a turn" in parts_not_shown(chat_with(single, tmp_path / "single").template)
