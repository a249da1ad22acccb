"""Verify every rollout (PivotRL, step 2). Identical completions of a state are verified once; nothing is sampled
again. The verifier itself is checked on the same states: see self_check.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from schemas.chat import Action
from schemas.columns import SAMPLE_KEY, STATE_KEY
from schemas.scores import SCORES
from schemas.states import Split
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.errors import ConfigurationError
from tasks.policy.parsing import Completion, Parser, json_text, parser_for
from tasks.stages.score.checks import Checks, summarised
from tasks.stages.score.self_check import require, self_check
from tasks.stages.score.undecided import counted, require_decided
from tasks.states.example import Example, StateKey
from tasks.states.reader import StateReader
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store
from tasks.verifiers.build import build, concurrency_of
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.kinds import VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Verdict, Verify

STAGE = Stage("scores", version=3, tables={"scores": SCORES}, summarise=summarised)


def canonical_action(completion: Completion) -> str:
    """An action as JSON text, equal for equal actions; "" for a parse failure."""
    if not isinstance(completion, Action):
        return ""
    calls = [{"name": call["name"], "arguments": call["arguments"]} for call in completion.tool_calls]
    return json_text({"content": completion.content, "calls": calls})


def score_part(
    states: Iterable[Example], rollouts: pl.DataFrame, verify: Verify, parse: Parser, concurrency: int = 1
) -> pl.DataFrame:
    """A verdict for each rollout of these states, `concurrency` of them under way at once.

    Rewards and reasons do not depend on it; a judge's detail says which of two equal questions was paid for.
    """
    by_key = {state.key: state for state in states}
    columns = (rollouts[name].to_list() for name in (*STATE_KEY, "text", "finished"))
    keys = [(StateKey(name, turn), text, finished) for name, turn, text, finished in zip(*columns, strict=True)]
    parsed = {
        (state_key, text, finished): parse(text, tools=by_key[state_key].state.tools, finished=finished)
        for state_key, text, finished in dict.fromkeys(keys)
    }

    def verdict_on(key: tuple[StateKey, str, bool]) -> Verdict:
        state = by_key[key[0]]
        return verify(state.state, state.demonstration, parsed[key])

    verdicts = dict(zip(parsed, in_order(verdict_on, parsed, concurrency), strict=True))
    actions = {key: canonical_action(completion) for key, completion in parsed.items()}
    found = [verdicts[key] for key in keys]
    return rollouts.select(
        *SAMPLE_KEY,
        pl.Series("reward", [verdict.reward for verdict in found], pl.Float64),
        pl.Series("reason", [verdict.reason.value for verdict in found], pl.String),
        pl.Series("detail", [verdict.detail for verdict in found], pl.String),
        pl.Series("action", [actions[key] for key in keys], pl.String),
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
        self, states: list[Example], rollouts: pl.DataFrame, given: pl.DataFrame, checks: Checks
    ) -> tuple[pl.DataFrame, Checks]:
        """The scores and checks of one part.

        Args:
            given: scores by an earlier run; those with a reward are kept, and the verifier is not asked about them.
            checks: what that run found; the self-check is done again only where it was left undecided.
        """
        kept = given.filter(pl.col("reward").is_not_null())
        rest = rollouts.join(kept, on=SAMPLE_KEY, how="anti", maintain_order="left")
        scored = score_part(states, rest, self.verify, self.parse, concurrency_of(self.settings))
        order = rollouts.select(SAMPLE_KEY)
        scores = order.join(pl.concat([kept, scored]), on=SAMPLE_KEY, how="left", maintain_order="left")
        left = scores.filter(pl.col("reward").is_null())["detail"].to_list()
        holds = checks.self_check
        if not holds.undecided.asked or holds.undecided.undecided:
            holds = self_check(states, self.verify, self.settings)
        return scores, Checks(self_check=holds, undecided=counted(scores.height, left))


def write_scores(
    writer: Writer, store: Store, rollouts: Ref, states: Ref, trajectories: Ref, config: ScoreConfig
) -> None:
    """Every part of the rollouts, in order. Of what an earlier run finished, only what it left undecided is asked
    again.

    Raises:
        StageFailed: the verifier does not hold on these states, or leaves too much undecided.
    """
    reader, sampled = StateReader(store, states, trajectories), store.manifest(rollouts)
    scorer = Scorer(build(config.verifier), parser_of(config, sampled), config.verifier)
    samples = sum(part.rows for part in sampled.table("rollouts"))
    earlier = {record.index: record for record in writer.records() if writer.done(record.index)}
    total = Checks()
    for index, part in store.parts(rollouts):
        record = earlier.get(index)
        checks = Checks.model_validate(record.summary) if record else Checks()
        if record is None or not checks.settled:
            given = store.read_part(writer.ref, record.parts[0]) if record else frame(SCORES, [])
            scores, checks = scorer.part(reader.part(index, split=Split.TRAIN), part, given, checks)
            verdicts = Counter(f"verdict:{reason}" for reason in scores["reason"])
            writer.write(index, {"scores": scores}, reasons=verdicts, summary=checks.model_dump())
        total = total.plus(checks)
        require_decided(total.undecided, samples, "samples", config)
    require(total.self_check, config)
