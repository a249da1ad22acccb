"""Messages in the form that a template wants: ids (in the templates of Mistral's own library), arguments, reasoning."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest

from schemas.chat import Action, Message, Role, ToolCall, message
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.policy.conventions import PARTS, CallIds, Conventions, find_conventions, with_ids
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
    first, second = (m["tool_call_id"] for m in with_ids(HISTORY[2:4], CallIds.NINE_CHARACTERS))
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


def test_no_id_stays_no_id() -> None:
    plain = [message(Role.ASSISTANT, "x", tool_calls=[ToolCall(id="", name="f", arguments="{")])]
    assert with_ids(plain, CallIds.NINE_CHARACTERS) == plain


def test_numbered_ids_name_the_tool_and_count_the_calls_of_the_conversation() -> None:
    again = [
        *HISTORY,
        message(Role.ASSISTANT, tool_calls=[call(id="call-0")]),
        message(Role.TOOL, tool_call_id="call-0"),
    ]
    numbered = with_ids(again, CallIds.NUMBERED)
    assert [c["id"] for m in numbered for c in m["tool_calls"]] == [f"functions.get_order:{n}" for n in (0, 1, 2)]
    results = [m["tool_call_id"] for m in numbered if m["role"] == "tool"]
    assert results == [f"functions.get_order:{n}" for n in (0, 1, 2)], "a result belongs to the nearest call before it"
    assert with_ids(again[:4], CallIds.NUMBERED) == numbered[:4]


def rendering(template: str) -> Conventions:
    """The conventions of a template written as a Python function's body."""
    from jinja2 import Environment

    compiled = Environment().from_string(template)

    def render(messages, prompt: bool) -> str | None:
        try:
            return compiled.render(messages=messages, add_generation_prompt=prompt)
        except Exception:
            return None

    return find_conventions(render)


def calls(filtered: str = "| tojson") -> str:
    return "{% for c in m.tool_calls %}{{ c.function.name }} {{ c.function.arguments " + filtered + " }}{% endfor %}"


@pytest.mark.parametrize(
    ("body", "conventions"),
    [
        (calls(), Conventions()),
        (calls("+ ''"), Conventions(arguments_as_text=True)),
        (calls(""), Conventions(arguments_as_text=True)),
        ("{% for c in m.tool_calls %}{{ c.id }}{{ c.function.arguments | tojson }}{% endfor %}",
         Conventions(call_ids=CallIds.NUMBERED)),
        ("{{ m.content }}", Conventions()),
        ("{{ m.reasoning_content }}" + calls(), Conventions("reasoning_content")),
        ("{{ m.thinking }}" + calls(), Conventions("thinking")),
        ("{% if m.tool_calls %}{{ m.tool_plan }}{% endif %}" + calls(), Conventions("tool_plan")),
        ("{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text or p.thinking }}"
         "{% endfor %}{% endif %}" + calls(), Conventions(PARTS)),
        ("{% if m.thinking and m.content and m.tool_calls %}{{ 1 / 0 }}{% endif %}{{ m.thinking }}"
         + calls(), Conventions("thinking", reasoning_beside_text_and_calls=False)),
    ],
)  # fmt: skip
def test_a_templates_conventions_are_found_by_what_it_shows(body: str, conventions: Conventions) -> None:
    assert rendering(f"{{% for m in messages %}}{body}{{% endfor %}}") == conventions


def test_reasoning_goes_where_the_template_reads_it() -> None:
    thought = message(Role.ASSISTANT, "Yes.", reasoning="Hm.")
    calling = message(Role.ASSISTANT, "Yes.", reasoning="Hm.", tool_calls=[call()])
    (parts,) = Conventions(PARTS).messages([thought])
    assert parts["content"] == [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]
    assert "tool_plan" not in Conventions("tool_plan").messages([thought])[0]
    assert Conventions("tool_plan").messages([calling])[0]["tool_plan"] == "Hm."
    (one_of_both,) = Conventions("thinking", reasoning_beside_text_and_calls=False).messages([calling])
    assert "thinking" not in one_of_both and one_of_both["content"] == "Yes."
    assert set(Conventions().messages([thought])[0]) == {"role", "content"}


def test_malformed_arguments_reach_the_template_as_text() -> None:
    def arguments(text: str, conventions: Conventions) -> object:
        (out,) = conventions.messages([message(Role.ASSISTANT, tool_calls=[call(text)])])
        return out["tool_calls"][0]["function"]["arguments"]

    assert arguments('{"a": ', Conventions()) == '{"a": '
    assert arguments('{"a": 1}', Conventions()) == {"a": 1}
    assert arguments('{"a": 1}', Conventions(arguments_as_text=True)) == '{"a": 1}'
    assert set(Conventions().messages([message(Role.USER, "x")])[0]) == {"role", "content"}
