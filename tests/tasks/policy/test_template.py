"""What a policy would write for an action, by templates of every habit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from schemas.chat import Action, Role, message
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.template import continuation, rewritten_prompt
from tests.builders import TOOLS, call

HEAD = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
TAIL = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
QUESTION = [message(Role.USER, "Where is order 17?")]


def chat_with(template: str, folder: Path, **options: object) -> ChatFormat:
    shutil.copytree(DESK, folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model" / "chat_template.jinja").write_text(template)
    return ChatFormat(folder / "model", options=options)


@pytest.mark.parametrize(
    ("prompt", "continued", "written"),
    [
        ("u|a:", "u|a:Yes.", "Yes."),
        ("u|a:<think>\n", "u|a:<think></think>Yes.", "</think>Yes."),
        ("u|a:<think>\n", "u|a:<think>\nHm.</think>Yes.", "Hm.</think>Yes."),
        ("u|a:<think>", "u|a:</think>Yes.", "</think>Yes."),
        ("u|a:<think>", "u|a:Yes.", "Hm.\n</think>\n\nYes."),
        ("u|a:<think>", "u|a:Hm.</think>Yes.", "Hm.</think>Yes."),
        ("u|a:<think>", "u|a:<think>Yes.", "Hm.\n</think>\n\nYes."),
        ("u|a:<think></think>", "u|a:</think>Yes.", "Yes."),
        ("u|a:<think>\n\n</think>\n\n", "u|a:Yes.", "Yes."),
        ("u|a:<think>\n\n</think>\n\n", "u|a:<think>\nHm.\n</think>\n\nYes.", "\n\nYes."),
        ("u|a:</think>", "u|a:Yes </think>.", "Yes </think>."),
        ("u|a:<|think|><|end|>", "u|a:<|think|>Hm.<|end|>Yes.", "Yes."),
        ("2 u|a:", "3 u|a:Yes.", None),
        ("u|a:<think>", "v|a:<think>Yes.", None),
        ("u|a: begin", "u|a:Yes.", None),
    ],
)
def test_what_follows_the_prompt_where_templates_open_reasoning(
    prompt: str, continued: str, written: str | None
) -> None:
    assert continuation(prompt, continued, "Hm.") == written


@pytest.mark.parametrize(
    ("prompt", "continued", "other", "rewritten"),
    [
        ("<2> user: Hi. assistant:", "<3> user: Hi. assistant: Yes.", "<3> user: Hi. assistant: No.",
         "<3> user: Hi. assistant:"),
        ("u|assistant: Hm. look|result|assistant:", "u|assistant: look|result|assistant: Yes.",
         "u|assistant: look|result|assistant: No.", "u|assistant: look|result|assistant:"),
        ("<2> user: Hi. assistant:<think>", "<3> user: Hi. assistant: Yes.", "<3> user: Hi. assistant: No.",
         "<3> user: Hi. assistant:<think>"),
        ("u|result|assistant:", "u|resultYes.", "u|resultNo.", ""),
        ("user: Hi. assistant:", "Yes. user: Hi. assistant:", "No. user: Hi. assistant:", ""),
    ],
)  # fmt: skip
def test_the_prompts_end_is_found_again_where_an_action_changes_the_history(
    prompt: str, continued: str, other: str, rewritten: str
) -> None:
    assert rewritten_prompt(prompt, continued, other) == rewritten


def test_an_action_after_a_result_is_found_where_only_a_prompt_opens_another_turn(tmp_path: Path) -> None:
    chat = chat_with(
        "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}",
        tmp_path,
    )
    after_result = [*QUESTION, message(Role.ASSISTANT, tool_calls=[call()]), message(Role.TOOL, "shipped")]
    written = chat.template.action_text(after_result, (), Action("It has shipped."))
    assert (written.text, written.end) == ("It has shipped.", "<|im_end|>")
    assert "rewrites the prompt" in chat.template.action_text(QUESTION, (), Action("Yes.")).problem


def test_a_prefilled_thought_is_closed_where_the_demonstration_has_none(tmp_path: Path) -> None:
    thinks = "{% if m.role == 'assistant' %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}"
    chat = chat_with(HEAD + thinks + TAIL + "<think>\n{% endif %}", tmp_path)
    written = chat.template.action_text(QUESTION, (), Action("It has shipped."))
    assert written.text == "</think>It has shipped." and written.end == "<|im_end|>"
    prompt = chat.text(QUESTION, ())
    assert prompt.endswith("<think>\n") and chat.prompts(QUESTION, (), [1]).prefills == ["<think>\n"]
    ids = chat.completion(QUESTION, (), Action("It has shipped.", reasoning="Hm."))
    assert ids is not None and chat.decode(ids, finished=True) == "Hm.</think>It has shipped."


def test_where_the_template_ends_no_action_the_next_role_does(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}"
        "{{ {'assistant': '<|im_start|>', 'user': '<|im_end|>', 'tool': '<tool_call>'}[m.role] }}"
        "{{ m.content }}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>{% endif %}"
    )
    chat = chat_with(template, tmp_path)
    message_end = chat.template.action_text(QUESTION, (), Action("Yes."))
    assert (message_end.text, message_end.end) == ("Yes.", "<|im_end|>"), "the mark of a user's message"
    calling = chat.template.action_text(QUESTION, TOOLS, Action(tool_calls=(call(),)))
    assert "stop tokens are <|im_end|>: name the token" in calling.problem, "a tool's mark is no stop token here"


def test_an_end_is_found_that_the_template_writes_only_before_another_message(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name }}{{ '' if loop.last else c.id }}{% endfor %}"
        "{{ '' if loop.last else '\n<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    chat = chat_with(template, tmp_path)
    for action in (Action("Yes."), Action(tool_calls=(call(),))):
        assert chat.template.action_text(QUESTION, TOOLS, action).end == "<|im_end|>"


def test_options_reach_every_rendering_and_today_is_pinned(tmp_path: Path) -> None:
    template = "{{ strftime_now('%d %b %Y') }} {{ thinking }} " + HEAD + "{{ m.content }}" + TAIL + "{% endif %}"
    chat = chat_with(template, tmp_path / "a", thinking=True)
    assert chat.text(QUESTION, ()).startswith("26 Jul 2024 True ")
    assert chat.completion(QUESTION, (), Action("Yes.")) is not None
    dated = chat_with(template, tmp_path / "b", date="2026-11-25")
    assert dated.text(QUESTION, ()).startswith("25 Nov 2026  ")


def test_of_several_templates_the_one_for_tools_decides_the_form_of_calls(tmp_path: Path) -> None:
    shutil.copytree(DESK, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors", "chat_template.jinja"))
    settings_path = tmp_path / "model" / "tokenizer_config.json"
    plain = HEAD + "{{ m.content }}" + TAIL + "{% endif %}"
    calls = "{% for c in m.tool_calls %}<tool_call>{{ c.function.name + c.function.arguments }}</tool_call>{% endfor %}"
    with_tools = HEAD + "{{ m.content }}" + calls + TAIL + "{% endif %}"
    named = [{"name": "default", "template": plain}, {"name": "tool_use", "template": with_tools}]
    settings_path.write_text(json.dumps({**json.loads(settings_path.read_text()), "chat_template": named}))
    assert ChatFormat(tmp_path / "model").template.conventions.arguments_as_text
