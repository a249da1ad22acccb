"""`judge`: a language model says whether two actions are equivalent.

Half of the votes see the actions in the other order, and a strict majority must say "equivalent": a judge that only
prefers the first place never gives a reward. One that fails, or whose budget is spent, gives no reward at all.
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
        return unreadable(action) or judged(endpoint, settings, state, demonstration, action)

    return verify


def judged(endpoint: Endpoint, settings: JudgeSettings, state: State, demonstration: Action, action: Action) -> Verdict:
    """The verdict of the votes; no more are asked for than can change it. The detail says what it has cost."""
    needed, cost, yes = settings.votes // 2 + 1, Cost(), 0
    for vote in range(settings.votes):
        pair = (action, demonstration) if vote % 2 else (demonstration, action)
        question = judge_prompt.messages(state, *pair, settings.history_messages)
        answer = endpoint.ask(question, vote // 2, judge_prompt.VERSION, _readable)
        cost += answer.cost
        if answer.text is None:
            return Verdict(None, Reason.UNDECIDED, f"judge: {answer.why}; no answer to vote {vote + 1}; {_told(cost)}")
        yes += judge_prompt.answer(answer.text) is True
        if yes >= needed:
            return Verdict(1.0, Reason.EQUIVALENT, f"{yes} of {vote + 1} votes; {_told(cost)}")
        if yes + settings.votes - vote - 1 < needed:
            break
    return Verdict(0.0, Reason.REFUSED, f"{yes} of {vote + 1} votes, {needed} are needed; {_told(cost)}")


def _readable(text: str) -> bool:
    return judge_prompt.answer(text) is not None


def _told(cost: Cost) -> str:
    return f"{cost.requests} requests, {cost.failed} of them failed, {cost.tokens} tokens"
