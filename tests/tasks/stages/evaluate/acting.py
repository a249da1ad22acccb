"""A policy that answers by a function of the prompt, states to ask it at, and a verifier."""

from __future__ import annotations

from collections.abc import Callable

from schemas.chat import Action, Role, State, message
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sampling
from tasks.stages.evaluate import suites
from tasks.stages.evaluate.actor import Actor
from tasks.states.example import Example
from tasks.verifiers.verdict import Reason, Verdict
from tests.builders import ScriptedSampler

BROKEN = "<tool_call>\n{"


def actor(chat: ChatFormat, answer: Callable[[str, int], str], prompt_room: int = 2000) -> Actor:
    return Actor(ScriptedSampler(chat.tokenizer, answer), chat, prompt_room, Sampling(1, 0.0, 64, seed=7))


def states(*questions: str, domain: str = "desk") -> list[Example]:
    return [
        Example(State(f"{i}", 0, (message(Role.USER, q),), (), domain), Action(q), "validation")
        for i, q in enumerate(questions)
    ]


def echoes(state: State, demonstration: Action, completion: object) -> Verdict:
    """Reward 1 for the demonstration's text."""
    right = isinstance(completion, Action) and completion.content == demonstration.content
    return Verdict(float(right), Reason.EQUAL if right else Reason.WRONG_TEXT)


def asked(prompt: str) -> str:
    """The question in a prompt."""
    return prompt.rsplit("<|im_start|>user\n", 1)[1].split("<|im_end|>")[0]


def values(cases: list[suites.Case]) -> list[float]:
    return [value for _, value in cases]


def alone(numbers: list[float]) -> list[suites.Case]:
    """Cases of which each is a task of its own."""
    return [(f"task {i}", number) for i, number in enumerate(numbers)]
