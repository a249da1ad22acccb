"""A policy that acts: states in, parsed actions out. Every suite is played with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.chat import State
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import Completion, ParseFailure, ParseReason
from tasks.policy.rendering import render
from tasks.sampler.sampler import Sample, Sampler, Sampling
from tasks.states.hashing import derive_seed

_NO_ROOM = ParseFailure(ParseReason.TRUNCATED, "the state leaves no room for an action in the context")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sampled at a state, and the action in it. `finished` is False where the length limit cut it off."""

    text: str
    finished: bool
    completion: Completion


@dataclass(frozen=True, slots=True)
class Actor:
    """A sampler with its chat format; `prompt_room` is the longest prompt in tokens."""

    sampler: Sampler
    chat: ChatFormat
    prompt_room: int
    sampling: Sampling

    def at(self, temperature: float, n: int = 1) -> Actor:
        """The same policy at another temperature, with `n` actions per state."""
        return replace(self, sampling=replace(self.sampling, temperature=temperature, n=n))

    def act(self, states: Sequence[State], *, turn: int = 0) -> list[list[Answer]]:
        """`n` answers per state. A state that does not fit or cannot be rendered is not shortened: it gets parse
        failures.

        Args:
            turn: of the episode, so that successive calls have seeds of their own.
        """
        rendered = render(self.chat, states)
        prompts = rendered.prompts
        fitting = [prompt for prompt in prompts if prompt is not None and len(prompt) <= self.prompt_room]
        seed = derive_seed(self.sampling.seed, "turn", turn)
        sampled = iter(self.sampler.sample(fitting, replace(self.sampling, seed=seed)))
        answers: list[list[Answer]] = []
        for state, prompt, prefill in zip(states, prompts, rendered.prefills, strict=True):
            if prompt is None or len(prompt) > self.prompt_room:
                answers.append([Answer("", False, _NO_ROOM)] * self.sampling.n)
            else:
                answers.append([self._answer(state, prefill, sample) for sample in next(sampled)])
        return answers

    def _answer(self, state: State, prefill: str, sample: Sample) -> Answer:
        text = self.chat.decode(sample.token_ids, finished=sample.finished)
        completion = self.chat.parser(text, tools=state.tools, finished=sample.finished, prompt=prefill)
        return Answer(text, sample.finished, completion)
