"""Histories with ids of any form, in the templates that Mistral's own library writes."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest

from schemas.chat import Action, Message, Role, ToolCall, message
from tasks.errors import InputError
from tasks.policy.call_ids import demands_nine_characters, with_nine_characters
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tests.builders import TOOLS, call

chat_templates = pytest.importorskip("mistral_common.integrations.chat_templates.chat_templates")

HISTORY: list[Message] = [
    message(Role.USER, "Where are orders 17 and 18?"),
    message(Role.ASSISTANT, tool_calls=[call(id="call-0"), call('{"order_id": 18}', id="c1-2")]),
    message(Role.TOOL, "shipped", tool_call_id="call-0", name="get_order"),
    message(Role.TOOL, "lost", tool_call_id="c1-2", name="get_order"),
    message(Role.ASSISTANT, "One is lost."),
]
KEEPING = "{% for m in messages %}{{ m.tool_calls }}{{ m.tool_call_id }}{% endfor %}"
"""Takes any id."""
REFUSING = "{% for m in messages %}{% if m.tool_calls %}{{ raise_exception('no tools here') }}{% endif %}{% endfor %}"
"""Takes no call whatever its id."""


def chat_with(template: str, folder: Path) -> ChatFormat:
    shutil.copytree(DESK, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "chat_template.jinja").write_text(template)
    return ChatFormat(folder)


@pytest.fixture(scope="module", params=["v3", "v7", "v11"])
def mistral(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    """The template of a generation of Mistral's models whose calls have ids."""
    from mistral_common.tokens.tokenizers.base import TokenizerVersion

    version = TokenizerVersion(request.param)
    support = (False, False, False)
    template = chat_templates.generate_chat_template(
        version == TokenizerVersion.v3, version, *support, None, False, True, None, None, None
    )
    return chat_with(template, tmp_path_factory.mktemp("mistral") / request.param)


def test_a_history_with_ids_of_another_form_is_rendered(mistral: ChatFormat) -> None:
    before = copy.deepcopy(HISTORY)
    text = mistral.text(HISTORY[:4], TOOLS)
    first, second = (with_nine_characters(m)["tool_call_id"] for m in HISTORY[2:4])
    assert first != second and len(first) == len(second) == 9 and (first + second).isalnum()
    assert text.count(first) == text.count(second) == 2, "a call and its result have the same id"
    assert "call-0" not in text and "c1-2" not in text
    assert before == HISTORY, "the data was changed"


def test_the_prompts_of_a_trajectory_stay_prefixes_of_each_other(mistral: ChatFormat) -> None:
    assert mistral.prompts(HISTORY[:4], (), [1, 4]).rewritten == 0


def test_what_is_rendered_of_a_call_is_read_as_that_call(mistral: ChatFormat) -> None:
    ids = mistral.completion(HISTORY[:1], TOOLS, Action(tool_calls=(call(id="call-0"),)))
    assert ids is not None
    read = mistral.parser(mistral.decode(ids, finished=True), tools=tuple(TOOLS), finished=True)
    assert isinstance(read, Action)
    assert [(c["name"], c["arguments"]) for c in read.tool_calls] == [("get_order", '{"order_id": 17}')]


def test_an_id_that_has_the_form_stays_as_it_is(mistral: ChatFormat) -> None:
    right = [HISTORY[0], message(Role.ASSISTANT, tool_calls=[call(id="Abc123xyz")])]
    right.append(message(Role.TOOL, "shipped", tool_call_id="Abc123xyz"))
    assert mistral.text(right, ()).count("Abc123xyz") == 2


def test_no_other_template_gets_other_ids(tmp_path: Path) -> None:
    assert chat_with(KEEPING, tmp_path / "keeping").text(HISTORY, ()).count("call-0") == 2
    with pytest.raises(InputError, match="no tools here"):
        chat_with(REFUSING, tmp_path / "refusing").text(HISTORY, ())


def test_the_form_is_demanded_where_it_alone_decides() -> None:
    def nine_only(messages) -> bool:
        return all(len(c["id"]) == 9 for m in messages for c in m["tool_calls"])

    assert demands_nine_characters(nine_only)
    assert not demands_nine_characters(lambda messages: True)
    assert not demands_nine_characters(lambda messages: False)


def test_no_id_stays_no_id() -> None:
    plain = message(Role.ASSISTANT, "x", tool_calls=[ToolCall(id="", name="f", arguments="{")])
    assert with_nine_characters(plain) == plain
