"""Prompts of states of several trajectories, in order, and what a template refuses."""

from pathlib import Path

import pytest

from schemas.chat import Action, Message, Role, State, message
from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.rendering import render, render_examples
from tasks.states.example import Example
from tests.builders import TOOLS, call
from tests.tasks.policy.test_chat import CUTS, MESSAGES


def states(messages: list[Message], cuts: list[int], name: str = "a") -> list[State]:
    return [State(name, i, tuple(messages[:cut]), ()) for i, cut in enumerate(cuts)]


def test_states_of_several_trajectories_are_rendered_in_order(formats: dict[str, ChatFormat]) -> None:
    chat = formats["desk"]
    asked = [*states(MESSAGES, [3, 1], "a"), *states(MESSAGES[4:], [1, 3], "b")]
    rendered = render(chat, asked)
    assert rendered.prompts == [chat.encode(chat.text(s.messages, ())) for s in asked]


def test_a_state_that_the_template_refuses_does_not_take_its_neighbours_along(formats: dict[str, ChatFormat]) -> None:
    chat = formats["strict"]
    rendered = render(chat, [State("a", 0, (), ()), *states(MESSAGES, [1, 3])])
    assert rendered.prompts[0] is None
    assert rendered.prompts[1:] == [chat.encode(chat.text(MESSAGES[:cut], ())) for cut in (1, 3)]
    refused = render(chat, states([message(Role.SYSTEM, "x"), *MESSAGES], [2]))
    assert refused.prompts == [None]
    assert "the first message is the user's" in refused.refusal
    assert rendered.refusal and not render(chat, states(MESSAGES, [1])).refusal
    with pytest.raises(InputError, match=r"refuses these 1 messages: the first message is the user's"):
        chat.text([message(Role.SYSTEM, "x")], ())


def test_of_several_refusals_the_first_is_kept(formats: dict[str, ChatFormat]) -> None:
    asked = [State("a", 0, (), ()), *states([message(Role.SYSTEM, "x")], [1], "b")]
    assert "refuses these 0 messages" in render(formats["strict"], asked).refusal


def test_states_that_are_no_prefix_are_counted_over_all_trajectories(formats: dict[str, ChatFormat]) -> None:
    trajectories = [*states(MESSAGES, CUTS, "a"), *states(MESSAGES, CUTS[:2], "b")]
    assert render(formats["desk"], trajectories).rewritten == 0
    assert render(formats["counting"], trajectories).rewritten == (len(CUTS) - 1) + 1


def test_no_states_have_no_prompts(formats: dict[str, ChatFormat]) -> None:
    assert render(formats["desk"], []).prompts == []


def own_text(chat: ChatFormat, example: Example) -> str | None:
    ((rendered,), _) = render_examples(chat, [example])
    return rendered.own_text


def answered(action: Action) -> Example:
    return Example(State("a", 0, (message(Role.USER, "Where is order 17?"),), tuple(TOOLS)), action)


def test_the_own_text_of_a_demonstration_is_what_the_policy_would_write(formats: dict[str, ChatFormat]) -> None:
    chat = formats["desk"]
    assert own_text(chat, answered(Action("It has shipped."))) == "It has shipped."
    text = own_text(chat, answered(Action("One moment.", tool_calls=(call(),))))
    assert text is not None and text.startswith("One moment.\n<tool_call>")
    assert own_text(formats["strict"], Example(State("a", 0, (), ()), Action("x"))) is None, "the state is refused"


def test_half_a_demonstration_is_no_own_text(model_folder: Path) -> None:
    template = (DESK / "chat_template.jinja").read_text()
    first = template.replace("message.tool_calls or []", "(message.tool_calls or [])[:1]")
    silent = first.replace("(message.content or '')", "('' if message.tool_calls else message.content)")
    (model_folder / "chat_template.jinja").write_text(silent)
    chat = ChatFormat(model_folder)
    assert own_text(chat, answered(Action(tool_calls=(call(),)))) is not None
    assert own_text(chat, answered(Action(tool_calls=(call(), call('{"order_id": 18}'))))) is None
    assert own_text(chat, answered(Action("One moment.", tool_calls=(call(),)))) is None


@pytest.mark.parametrize(
    "action", [Action("The mark <|im_end|> ends a turn."), Action(tool_calls=(call('{"order_id": "<|im_end|>"}'),))]
)
def test_what_holds_a_stop_token_is_never_cut_at_it(formats: dict[str, ChatFormat], action: Action) -> None:
    chat, state = formats["desk"], answered(action).state
    assert own_text(chat, answered(action)) is None
    assert chat.completion(state.messages, state.tools, action) is None
    assert (
        "it holds the stop token <|im_end|>" in chat.template.action_text(state.messages, state.tools, action).problem
    )
