"""Verify every rollout (PivotRL, step 2: profile).

Equal completions of a state are verified once, and nothing is sampled again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from schemas.chat import Action
from schemas.columns import SAMPLE_KEY, STATE_KEY
from tasks.policy.parsing import Completion, Parser, json_text
from tasks.states.example import Example, StateKey
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.reading import read, verdict_on
from tasks.verifiers.undecided import UndecidedCount, count_undecided
from tasks.verifiers.verdict import Verdict, Verify


def canonical_action(completion: Completion) -> str:
    """An action as JSON text, equal for equal actions; "" for a parse failure."""
    if not isinstance(completion, Action):
        return ""
    calls = [{"name": call["name"], "arguments": call["arguments"]} for call in completion.tool_calls]
    return json_text({"content": completion.content, "calls": calls})


def score_part(
    states: Iterable[Example], rollouts: pl.DataFrame, verify: Verify, parse: Parser, concurrency: int = 1
) -> pl.DataFrame:
    """A verdict on each rollout of these states, `concurrency` of them under way at once.

    Rewards and reasons do not depend on the concurrency. A judge's detail says which of two equal questions was paid
    for, and may.
    """
    by_key = {state.key: state for state in states}
    columns = (rollouts[name].to_list() for name in (*STATE_KEY, "text", "finished"))
    completions = [(StateKey(name, turn), text, finished) for name, turn, text, finished in zip(*columns, strict=True)]
    parsed = {
        (state_key, text, finished): read(parse, by_key[state_key], text, finished)
        for state_key, text, finished in dict.fromkeys(completions)
    }

    def verdict(completion: tuple[StateKey, str, bool]) -> Verdict:
        state_key, text, finished = completion
        return verdict_on(verify, by_key[state_key], text, finished, parsed[completion])

    verdicts = dict(zip(parsed, in_order(verdict, parsed, concurrency), strict=True))
    actions = {completion: canonical_action(action) for completion, action in parsed.items()}
    by_row = [verdicts[completion] for completion in completions]
    return rollouts.select(
        *SAMPLE_KEY,
        pl.Series("reward", [verdict.reward for verdict in by_row], pl.Float64),
        pl.Series("reason", [verdict.reason.value for verdict in by_row], pl.String),
        pl.Series("detail", [verdict.detail for verdict in by_row], pl.String),
        pl.Series("action", [actions[completion] for completion in completions], pl.String),
    )


def with_own_texts(states: Iterable[Example], checks: pl.DataFrame) -> list[Example]:
    """The states with what their prompts already hold of an action, and with their demonstrations as the policy would
    write them."""
    columns = checks.select(*STATE_KEY, "prefill", "text")
    texts = {StateKey(name, turn): (prefill, text) for name, turn, prefill, text in columns.iter_rows()}
    rendered = []
    for state in states:
        prefill, text = texts[state.key]
        rendered.append(replace(state, prefill=prefill, own_text=text))
    return rendered


@dataclass(frozen=True, slots=True)
class Scorer:
    """A verifier, and how completions are read. `concurrency` verdicts are under way at once."""

    verify: Verify
    parse: Parser
    concurrency: int

    def part(
        self, states: list[Example], rollouts: pl.DataFrame, earlier_scores: pl.DataFrame
    ) -> tuple[pl.DataFrame, UndecidedCount]:
        """The scores of one part, and how many of them are undecided.

        Args:
            states: the part's, with their own texts.
            earlier_scores: by a run that was stopped. Those with a reward stay, and are not verified again.
        """
        decided = earlier_scores.filter(pl.col("reward").is_not_null())
        open_rollouts = rollouts.join(decided, on=SAMPLE_KEY, how="anti", maintain_order="left")
        new_scores = score_part(states, open_rollouts, self.verify, self.parse, self.concurrency)
        order = rollouts.select(SAMPLE_KEY)
        scores = order.join(pl.concat([decided, new_scores]), on=SAMPLE_KEY, how="left", maintain_order="left")
        undecided_details = scores.filter(pl.col("reward").is_null())["detail"].to_list()
        return scores, count_undecided(scores.height, undecided_details)
