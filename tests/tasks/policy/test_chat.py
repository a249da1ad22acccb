import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from schemas.chat import Action, Message, Role, message
from tasks.policy.chat import ChatFormat
from tests.builders import TOOLS, call

MESSAGES: list[Message] = [
    message(Role.USER, "Where is order 17?"),
    message(
        Role.ASSISTANT, reasoning="They want a status.", tool_calls=[call('{"order_id": 17, "why": "ünïcode \\"q\\""}')]
    ),
    message(Role.TOOL, '{"status": "shipped"}', tool_call_id="c1", name="get_order"),
    message(Role.ASSISTANT, "It has\n\nshipped. ", reasoning="Tell them."),
    message(Role.USER, "  Thanks! 你好 🙂\n"),
    message(Role.ASSISTANT, "\nYou are welcome."),
    message(Role.USER, "Bye"),
    message(Role.ASSISTANT, "Bye."),
]
CUTS = [1, 3, 5, 7]
FORMATS = ["desk", "thinking", "counting", "bare", "strict"]


@pytest.mark.parametrize("name", FORMATS)
def test_prompts_are_the_templates_own_rendering_of_each_state(formats: dict[str, ChatFormat], name: str) -> None:
    chat = formats[name]
    prompts = chat.prompts(MESSAGES, TOOLS, CUTS)
    for cut, prompt in zip(CUTS, prompts.token_ids, strict=True):
        own = chat.tokenizer.apply_chat_template(
            chat.template.conventions.messages(MESSAGES[:cut]),
            tools=TOOLS,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        assert prompt == own


def test_states_that_share_no_prefix_are_counted(formats: dict[str, ChatFormat]) -> None:
    rewritten = {name: formats[name].prompts(MESSAGES, TOOLS, CUTS).rewritten for name in FORMATS}
    assert rewritten["desk"] == rewritten["strict"] == 0
    assert rewritten["counting"] == 3
    assert rewritten["thinking"] == 1, "only the state within the first exchange still holds its reasoning"


text = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["<|im_end|>", "<|im_start|>user\n", "\n\n"]
)


@given(st.lists(text, min_size=2, max_size=7), st.sampled_from(FORMATS))
@hypothesis_settings(max_examples=80, deadline=None)
def test_prompts_equal_the_rendering_of_any_text(formats_session, contents: list[str], name: str) -> None:
    chat = formats_session[name]
    messages = [message(Role.USER if i % 2 == 0 else Role.ASSISTANT, c) for i, c in enumerate(contents)]
    cuts = list(range(1, len(messages) + 1, 2))
    for cut, prompt in zip(cuts, chat.prompts(messages, (), cuts).token_ids, strict=True):
        assert prompt == chat.encode(chat.text(messages[:cut], ()))


@pytest.fixture(scope="session")
def formats_session(formats: dict[str, ChatFormat]) -> dict[str, ChatFormat]:
    return formats


def test_no_cuts_no_prompts(formats: dict[str, ChatFormat]) -> None:
    assert formats["desk"].prompts(MESSAGES, (), []).token_ids == []


@pytest.mark.parametrize("name", ["desk", "strict", "bare"])
@pytest.mark.parametrize("action", [Action("It has shipped."), Action("a\n\nb"), Action("")])
def test_a_completion_continues_the_prompt_and_ends_its_turn(
    formats: dict[str, ChatFormat], name: str, action: Action
) -> None:
    chat = formats[name]
    ids = chat.completion(MESSAGES[:1], (), action)
    assert ids is not None
    (end,) = chat.stop_token_ids
    assert ids[-1] == end and ids.count(end) == 1
    assert chat.decode(ids, finished=True).strip() == action.content


@pytest.mark.parametrize(
    ("opened", "thought", "answer"),
    [
        ("", "<think>Hm.</think>", "Yes."),
        ("", "<think>你好 🙂 \n</think>", "🙂 Yes.</think>"),
        ("<think>\n", "你好 🙂</think>", "🙂"),
        ("<think>\n", "</think>", ""),
        ("<think>\n\n</think>\n\n", "", "Yes. 🙂"),
        ("", "<|channel|>analysis<|message|>Hm.<|end|>", "<|start|>assistant<|channel|>final<|message|>Yes."),
    ],
)
def test_the_tokens_of_a_thought_are_counted_with_its_closing_mark(
    formats: dict[str, ChatFormat], opened: str, thought: str, answer: str
) -> None:
    chat = formats["desk"]
    prompt = chat.encode("<|im_start|>user\n" + "Where? " * 300 + f"<|im_end|>\n<|im_start|>assistant\n{opened}")
    tokens = chat.encode(thought)
    assert chat.thinking_tokens([*tokens, *chat.encode(answer)], prompt) == len(tokens)
    if thought:
        assert chat.thinking_tokens(tokens[:-1], prompt) is None
        assert chat.thinking_tokens([*tokens[:-1], *chat.encode("x" * 40)], prompt) is None


def test_the_completion_of_a_call_holds_the_call(formats: dict[str, ChatFormat]) -> None:
    ids = formats["desk"].completion(MESSAGES[:1], TOOLS, Action(tool_calls=(call(),)))
    assert ids is not None
    assert formats["desk"].decode(ids, finished=True) == (
        '<tool_call>\n{"name": "get_order", "arguments": {"order_id": 17}}\n</tool_call>'
    )


def test_an_action_is_found_behind_a_history_that_it_changes(formats: dict[str, ChatFormat]) -> None:
    ids = formats["counting"].completion(MESSAGES[:1], (), Action("x"))
    assert ids is not None and formats["counting"].decode(ids, finished=True) == "x"


def test_an_action_that_stands_before_the_history_has_no_completion(formats: dict[str, ChatFormat]) -> None:
    assert formats["backwards"].completion(MESSAGES[:1], (), Action("x")) is None


def test_decoding_keeps_what_stands_before_the_end_of_turn(formats: dict[str, ChatFormat]) -> None:
    chat = formats["desk"]
    ids = chat.encode("Hello <tool_call>")
    ends = [*chat.stop_token_ids, *chat.encode("<|endoftext|>")]
    assert len(set(ends)) == 2, "a model may stop at other tokens than its tokenizer's"
    for end in ends:
        assert chat.decode([*ids, end], finished=True) == "Hello <tool_call>"
    assert chat.decode(ids, finished=False) == "Hello <tool_call>"
    assert chat.decode([], finished=True) == chat.decode([], finished=False) == ""
