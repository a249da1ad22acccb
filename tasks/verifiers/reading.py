"""From the text of a completion to a verdict: read it, then verify it. Every stage that gives rewards does it here."""

from __future__ import annotations

from tasks.policy.parsing import Completion, Parser
from tasks.states.example import Example
from tasks.verifiers.verdict import EQUAL, Verdict, Verify


def read(parse: Parser, example: Example, text: str, finished: bool) -> Completion:
    """The action in a completion sampled at the example's state.

    Args:
        finished: False where the sampler stopped at its length limit.
    """
    return parse(text, tools=example.state.tools, finished=finished, prompt=example.prefill)


def verdict_on(verify: Verify, example: Example, text: str, finished: bool, completion: Completion) -> Verdict:
    """The verdict on a completion that was read from this text.

    What the policy's own format makes of the whole demonstration is right by definition, whatever the parser makes of
    it.
    """
    if finished and text == example.own_text:
        return EQUAL
    return verify(example.state, example.demonstration, completion)
