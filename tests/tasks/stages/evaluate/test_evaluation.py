import math
from dataclasses import dataclass, field

import pytest

from schemas.chat import Action, Message, Role, State, message
from schemas.config import EvaluateConfig
from schemas.evaluations import EVALUATIONS, Scope, Suite
from tasks.artefact.table import frame, validate
from tasks.children.progress import is_alive
from tasks.errors import ConfigurationError, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.parsing import ParseFailure
from tasks.sampler.sampler import Sampling
from tasks.stages.evaluate import measuring, suites
from tasks.stages.evaluate.actor import Actor
from tasks.stages.evaluate.stage import check, chosen_skills
from tasks.states.example import Example
from tasks.verifiers.verdict import Reason, Verdict
from tasks.worlds.skills import SKILLS
from tests.builders import ScriptedSampler

BROKEN = "<tool_call>\n{"


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(DESK)


def actor(chat: ChatFormat, answer, context: int = 2000) -> Actor:
    return Actor(ScriptedSampler(chat.tokenizer, answer), chat, context, Sampling(1, 0.0, 64, seed=7))


def states(*questions: str, domain: str = "desk") -> list[Example]:
    return [
        Example(State(f"{i}", 0, (message(Role.USER, q),), (), domain), Action(q), "validation")
        for i, q in enumerate(questions)
    ]


def echoes(state: State, demonstration: Action, completion) -> Verdict:
    right = isinstance(completion, Action) and completion.content == demonstration.content
    return Verdict(float(right), Reason.EQUAL if right else Reason.WRONG_TEXT)


def asked(prompt: str) -> str:
    return prompt.rsplit("<|im_start|>user\n", 1)[1].split("<|im_end|>")[0]


def test_the_actor_parses_and_never_shortens_a_state(chat: ChatFormat) -> None:
    acting = actor(chat, lambda prompt, i: BROKEN if "bad" in prompt else f"{asked(prompt)} {i}", context=40)
    found = acting.at(1.0, n=2).act([s.state for s in states("a", "bad", "long " * 60, "b")], salt=3)
    assert [[c.content for c in group] for group in (found[0], found[3])] == [["a 0", "a 1"], ["b 0", "b 1"]]
    assert all(isinstance(c, ParseFailure) for c in (*found[1], *found[2]))
    ((prompts, sampling),) = acting.sampler.asked
    assert len(prompts) == 3, "the state without room was sampled at"
    assert (sampling.n, sampling.temperature, sampling.seed) == (2, 1.0, 10)


def test_an_action_ends_with_whatever_token_the_model_stops_at(chat: ChatFormat) -> None:
    (other,) = chat.encode("<|endoftext|>")
    sampler = ScriptedSampler(chat.tokenizer, lambda prompt, i: asked(prompt), eos=other)
    acting = Actor(sampler, chat, 2000, Sampling(1, 0.0, 64, seed=7))
    assert values(suites.held_out_states(acting, states("a", "b"), echoes)) == [1.0, 1.0]


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


def test_a_verifier_that_decides_nothing_is_said_so(chat: ChatFormat) -> None:
    def fails(state: State, demonstration: Action, completion) -> Verdict:
        return Verdict(None, Reason.UNDECIDED)

    config = EvaluateConfig(samples=1, worlds=(), skills=())
    with pytest.raises(StageFailed, match=r"states desk: the verifier decided no held-out state.*score\.verifier\.url"):
        list(measuring.measure(actor(chat, lambda prompt, i: "yes"), config, states("a"), fails, lambda what: None))


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


def values(cases: list[suites.Case]) -> list[float]:
    return [value for _, value in cases]


def alone(numbers: list[float]) -> list[suites.Case]:
    return [(f"task {i}", number) for i, number in enumerate(numbers)]


def test_cases_of_one_task_count_as_one_for_the_standard_error() -> None:
    once = alone([1.0, 0.0, 1.0, 1.0, 0.0])
    assert measuring.standard_error(once * 4) == pytest.approx(measuring.standard_error(once))


def test_one_task_alone_is_as_uncertain_as_a_rate_can_be() -> None:
    for cases in (alone([1.0]), alone([0.0]) * 3):
        assert measuring.standard_error(cases) == 0.5


def test_the_standard_error_is_over_cases() -> None:
    row = measuring.summary(Suite.STATES, "desk", Scope.IN_DOMAIN, 1.0, alone([1.0, 0.0, 0.5, 0.5]))
    assert (row["value"], row["n"]) == (0.5, 4)
    assert row["standard_error"] == pytest.approx(math.sqrt((0.25 + 0.25) / 3) / 2)
    assert measuring.summary(Suite.STATES, "desk", Scope.IN_DOMAIN, 1.0, alone([1.0] * 9))["standard_error"] == 0


def test_every_suite_is_measured_greedy_and_sampled(chat: ChatFormat) -> None:
    config = EvaluateConfig(
        samples=3, worlds=("desk",), ood_worlds=("library",), episodes=2, max_turns=2, skills=("addition",), items=2
    )
    held_out = [*states("a", "b"), *states("c", domain="other")]
    heard: list[str] = []
    acting = actor(chat, lambda prompt, _: asked(prompt))
    rows = list(measuring.measure(acting, config, held_out, echoes, heard.append))
    validate(EVALUATIONS, frame(EVALUATIONS, [{"policy": "p", **row} for row in rows]), "test")
    measured = [(row["suite"], row["domain"], row["scope"]) for row in rows if row["temperature"] == 0]
    assert measured == [
        ("states", "desk", "in_domain"),
        ("states", "other", "in_domain"),
        ("episodes", "desk", "in_domain"),
        ("episodes", "library", "ood"),
        ("skill", "addition", "ood"),
    ]
    assert measured == [(r["suite"], r["domain"], r["scope"]) for r in rows if r["temperature"] == 1]
    assert len(heard) == len(rows) == 10
    counts = {(sampling.temperature, sampling.n) for _, sampling in acting.sampler.asked}
    assert counts == {(0.0, 1), (1.0, 3), (1.0, 1)}
    assert {row["value"] for row in rows if row["suite"] == "states"} == {1.0}


def test_the_same_tasks_for_every_policy(chat: ChatFormat) -> None:
    config = EvaluateConfig(worlds=("desk",), episodes=2, max_turns=1, skills=("addition",), items=2)
    one, two = (actor(chat, lambda *_, word=word: word) for word in ("x", "y"))
    for acting in (one, two):
        list(measuring.measure(acting, config, [], echoes, lambda _: None))
    assert [prompts for prompts, _ in one.sampler.asked] == [prompts for prompts, _ in two.sampler.asked]


def test_mistakes_are_found_before_anything_runs() -> None:
    assert chosen_skills(EvaluateConfig(skills=("all",))) == tuple(SKILLS)
    check(EvaluateConfig(skills=("all",), worlds=("desk",), ood_worlds=("library",)))
    for settings, problem in (
        ({"skills": ("juggling",)}, "no skill 'juggling'; there are addition"),
        ({"skills": ("addition", "addition")}, "the skill 'addition' is named twice"),
        ({"worlds": ("desk",), "ood_worlds": ("desk",)}, "the world 'desk' is named twice"),
        ({"worlds": ("moon",)}, "world 'moon': not built in"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            check(EvaluateConfig(**settings))
