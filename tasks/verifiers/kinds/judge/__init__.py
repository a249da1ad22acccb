"""`judge`: a language model says whether two actions are equivalent.

Half of the votes see the actions in the other order, and a strict majority must say "equivalent". So a judge that only
prefers the first place never gives a reward. A judge that fails, or whose budget is spent, gives no reward at all.
"""

from __future__ import annotations

from schemas.chat import Action, State
from tasks.policy.parsing import Completion
from tasks.verifiers.comparing.calls import same_action
from tasks.verifiers.comparing.screening import screen, unreadable
from tasks.verifiers.controls import READABLE_CALLS
from tasks.verifiers.kinds.judge import prompt as judge_prompt
from tasks.verifiers.kinds.judge.endpoint import Cost, Endpoint
from tasks.verifiers.kinds.judge.settings import JudgeSettings
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, Verify

VERSION = 100 + judge_prompt.VERSION
NOT_JUNK = READABLE_CALLS  # each would cost a request


def make(settings: JudgeSettings) -> Verify:
    """The verifier."""
    endpoint = Endpoint(settings)

    def verify(state: State, demonstration: Action, completion: Completion) -> Verdict:
        action = screen(demonstration, completion)
        if isinstance(action, Verdict):
            return action
        if same_action(demonstration, action):
            return EQUAL
        return unreadable(action) or vote(endpoint, settings, state, demonstration, action)

    return verify


def vote(endpoint: Endpoint, settings: JudgeSettings, state: State, demonstration: Action, action: Action) -> Verdict:
    """The verdict of the votes. It ends as soon as no further vote can change it. The detail says what it has cost."""
    needed, cost, yes = settings.votes // 2 + 1, Cost(), 0
    for i in range(settings.votes):
        pair = (action, demonstration) if i % 2 else (demonstration, action)
        question = judge_prompt.messages(state, *pair, settings.history_messages)
        # Both orders of a pair have the same seed, so that they differ in nothing else.
        answer = endpoint.ask(question, i // 2, judge_prompt.VERSION, _readable)
        cost += answer.cost
        if answer.text is None:
            return Verdict(
                None, Reason.UNDECIDED, f"judge: {answer.why}; no answer to vote {i + 1}; {_cost_text(cost)}"
            )
        yes += judge_prompt.answer(answer.text) is True
        if yes >= needed:
            return Verdict(1.0, Reason.EQUIVALENT, f"{yes} of {i + 1} votes; {_cost_text(cost)}")
        if yes + settings.votes - i - 1 < needed:
            break
    return Verdict(0.0, Reason.REFUSED, f"{yes} of {i + 1} votes, {needed} are needed; {_cost_text(cost)}")


def _readable(text: str) -> bool:
    return judge_prompt.answer(text) is not None


def _cost_text(cost: Cost) -> str:
    return f"{cost.requests} requests, {cost.failed} of them failed, {cost.tokens} tokens"
