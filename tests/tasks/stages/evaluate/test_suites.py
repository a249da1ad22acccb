from dataclasses import dataclass, field

import pytest

from schemas.chat import Action, Message, Role, State, message
from tasks.children.progress import is_alive
from tasks.policy.chat import ChatFormat
from tasks.stages.evaluate import suites
from tasks.verifiers.verdict import Verdict
from tasks.worlds.skills import SKILLS
from tests.tasks.stages.evaluate.acting import BROKEN, actor, asked, echoes, states, values


def test_a_long_verification_tells_that_it_goes_on(chat: ChatFormat, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[int] = []

    def slow(state: State, demonstration: Action, completion) -> Verdict:
        told.append(sum(map(is_alive, capfd.readouterr().out.splitlines())))
        return echoes(state, demonstration, completion)

    suites.held_out_states(actor(chat, lambda prompt, i: "x"), states("a", "b", "c"), slow)
    assert len(told) == 3 and min(told) >= 1


def test_held_out_states_are_scored_by_the_verifier(chat: ChatFormat) -> None:
    acting = actor(chat, lambda prompt, i: asked(prompt) if i == 0 or asked(prompt) == "a" else "no").at(1.0, n=4)
    assert values(suites.held_out_states(acting, states("a", "b"), echoes)) == [1.0, 0.25]


@dataclass
class Counter:
    """An episode that wants `wanted` actions and is done after the last; it fails when one of them was "wrong"."""

    wanted: int
    messages: list[Message] = field(default_factory=lambda: [message(Role.USER, "go")])
    done: bool = False
    right: bool = True

    def step(self, action: Action) -> None:
        self.right &= action.content != "wrong"
        self.messages += [message(Role.ASSISTANT, action.content), message(Role.USER, f"on {len(self.messages)}")]
        self.done = len(self.messages) >= 2 * self.wanted + 1

    def digest(self) -> str:
        return ""

    def success(self) -> bool:
        return self.right


class Counting:
    name, tools = "counting", ()

    def start(self, task_id: str) -> Counter:
        wanted, _, word = task_id.partition(":")
        return Counter(int(wanted), messages=[message(Role.USER, f"say {word}")])


def test_episodes_end_in_success_failure_a_parse_failure_or_the_turn_limit(chat: ChatFormat) -> None:
    def answer(prompt: str, _: int) -> str:
        word = prompt.split("say ", 1)[1].split("<|im_end|>")[0]
        turns = prompt.count("<|im_start|>assistant") - 1
        return BROKEN if word == "broken" and turns == 1 else word

    acting = actor(chat, answer)
    tasks = ["1:right", "3:right", "2:wrong", "2:broken", "3:broken", "4:right"]
    assert values(suites.episodes(acting, Counting(), tasks, max_turns=3)) == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert [len(prompts) for prompts, _ in acting.sampler.asked] == [6, 5, 2], "an ended episode went on"
    assert len({sampling.seed for _, sampling in acting.sampler.asked}) == 3
    assert values(suites.episodes(acting, Counting(), tasks[-1:], max_turns=4)) == [1.0]


def test_a_broken_completion_in_the_last_turn_is_a_failure_though_the_world_is_right(chat: ChatFormat) -> None:
    assert values(suites.episodes(actor(chat, lambda *_: BROKEN), Counting(), ["1:right"], max_turns=5)) == [0.0]


def test_a_skill_wants_the_answer_and_nothing_else(chat: ChatFormat) -> None:
    items = {item.question: item for item in SKILLS["addition"].items("test", 12, 3)}
    right = values(suites.skill(actor(chat, lambda prompt, _: items[asked(prompt)].answer), "addition", 12, 3))
    assert right == [1.0] * 12
    more = values(
        suites.skill(actor(chat, lambda prompt, _: items[asked(prompt)].answer + " I think"), "addition", 12, 3)
    )
    calls = '{}\n<tool_call>\n{{"name": "a", "arguments": {{}}}}\n</tool_call>'
    called = actor(chat, lambda prompt, _: calls.format(items[asked(prompt)].answer))
    assert more == values(suites.skill(called, "addition", 12, 3)) == [0.0] * 12
