"""Verify every rollout (PivotRL, step 2: profile), and the verifier itself on the same states (self_check.py).

Equal completions of a state are verified once, and nothing is sampled again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from schemas.chat import Action
from schemas.columns import SAMPLE_KEY, STATE_KEY
from tasks.errors import ConfigurationError
from tasks.policy.parsing import Completion, Parser, json_text, parser_for
from tasks.stages.score.checks import Checks
from tasks.stages.score.self_check import self_check
from tasks.stages.score.undecided import count_undecided
from tasks.states.example import Example, StateKey
from tasks.store.manifest import Manifest
from tasks.verifiers.build import concurrency_of
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.section import ScoreConfig
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
        (state_key, text, finished): parse(text, tools=by_key[state_key].state.tools, finished=finished)
        for state_key, text, finished in dict.fromkeys(completions)
    }

    def verdict_on(completion: tuple[StateKey, str, bool]) -> Verdict:
        state = by_key[completion[0]]
        return verify(state.state, state.demonstration, parsed[completion])

    verdicts = dict(zip(parsed, in_order(verdict_on, parsed, concurrency), strict=True))
    actions = {completion: canonical_action(action) for completion, action in parsed.items()}
    by_row = [verdicts[completion] for completion in completions]
    return rollouts.select(
        *SAMPLE_KEY,
        pl.Series("reward", [verdict.reward for verdict in by_row], pl.Float64),
        pl.Series("reason", [verdict.reason.value for verdict in by_row], pl.String),
        pl.Series("detail", [verdict.detail for verdict in by_row], pl.String),
        pl.Series("action", [actions[completion] for completion in completions], pl.String),
    )


def parser_of(config: ScoreConfig, rollouts: Manifest) -> Parser:
    """How the rollouts' texts are read: as configured, or as the policy's chat template writes.

    Raises:
        ConfigurationError: neither is known.
    """
    if config.parser != "auto":
        return parser_for(config.parser)
    name = str(rollouts.summary.get("parser", ""))
    if not name:
        raise ConfigurationError(
            "score.parser is auto, and the policy's chat template shows no known format of tool calls; name the format"
        )
    return parser_for(name)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A verifier with its settings, and how completions are read."""

    verify: Verify
    parse: Parser
    settings: VerifierSettings

    def part(
        self, states: list[Example], rollouts: pl.DataFrame, earlier_scores: pl.DataFrame, checks: Checks
    ) -> tuple[pl.DataFrame, Checks]:
        """The scores and checks of one part.

        Args:
            earlier_scores: by a run that was stopped. Those with a reward stay, and are not verified again.
            checks: that run's. The self-check is done again only where it was left undecided.
        """
        decided = earlier_scores.filter(pl.col("reward").is_not_null())
        open_rollouts = rollouts.join(decided, on=SAMPLE_KEY, how="anti", maintain_order="left")
        new_scores = score_part(states, open_rollouts, self.verify, self.parse, concurrency_of(self.settings))
        order = rollouts.select(SAMPLE_KEY)
        scores = order.join(pl.concat([decided, new_scores]), on=SAMPLE_KEY, how="left", maintain_order="left")
        undecided_details = scores.filter(pl.col("reward").is_null())["detail"].to_list()
        check = checks.self_check
        if not check.undecided.asked or check.undecided.undecided:
            check = self_check(states, self.verify, self.settings)
        return scores, Checks(self_check=check, undecided=count_undecided(scores.height, undecided_details))
