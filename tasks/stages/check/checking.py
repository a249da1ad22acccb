"""Check the demonstrations of every part: rendered, read back, verified."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import polars as pl

from schemas.checks import CHECKS
from schemas.states import Split
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.children.progress import Update, alive, report
from tasks.policy.chat import ChatFormat
from tasks.policy.probe import parts_not_shown
from tasks.stages.check.round_trip import empty_thoughts, hidden_parts, round_trip
from tasks.stages.check.self_check import Outcome, RoundTrip, SelfCheck, require_sound, self_check
from tasks.states.example import Example
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.build import build
from tasks.verifiers.section import ScoreConfig

log = logging.getLogger(__name__)


def write_checks(
    writer: Writer, store: Store, states: Ref, trajectories: Ref, config: ScoreConfig, chat: ChatFormat
) -> None:
    """Check the training states of every part. Where a run was stopped, only what it left undecided is checked again.

    Raises:
        ConfigurationError: no format reads what the policy writes, or the one that is named does not.
        StageFailed: too few demonstrations come back, too much junk gets a reward, or too much is undecided.
    """
    reader, verify = StateReader(store, states, trajectories), build(config.verifier)
    hidden = parts_not_shown(chat.template)
    records = {record.index: record for record in writer.records() if writer.done(record.index)}
    total = SelfCheck(parser=chat.parser.name)
    indices = reader.part_indices()
    for number, index in enumerate(indices):
        record = records.get(index)
        check = SelfCheck.model_validate(record.summary) if record else SelfCheck()
        if record is None or not check.settled:
            examples = reader.part(index, split=Split.TRAIN)
            trips = [_trip(chat, example) for example in examples]
            check, outcomes = self_check(examples, trips, verify, config.verifier)
            check.parser, check.hidden = chat.parser.name, dict(hidden_parts(hidden, examples))
            check.empty_thoughts = empty_thoughts(chat.parser.format.reasoning, examples, trips)
            rows = checks_table(examples, trips, outcomes)
            reasons = {f"demonstration:{reason}": count for reason, count in rows["reason"].value_counts().iter_rows()}
            writer.write(index, {"checks": rows}, reasons=reasons, summary=check.model_dump())
        total = total.plus(check)
        report(Update("check", number + 1, len(indices), f"{total.gold:,} demonstrations"))
    for part, count in total.hidden.items():
        log.warning("check: the chat template does not show %s, which %s of the states have", part, f"{count:,}")
    if total.empty_thoughts:
        log.warning(
            "check: %s demonstrations have no reasoning, and the chat template writes an empty thought for them. SFT "
            "on them teaches the policy not to think; split.reasoning: require leaves them out",
            f"{total.empty_thoughts:,}",
        )
    require_sound(total, config)


def _trip(chat: ChatFormat, example: Example) -> RoundTrip:
    alive()
    return round_trip(chat, example)


def checks_table(examples: Sequence[Example], trips: Sequence[RoundTrip], outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """The rows of these demonstrations."""
    return frame(
        CHECKS,
        [
            {
                "trajectory_id": example.key.trajectory_id,
                "turn_index": example.key.turn_index,
                "prefill": trip.prefill,
                "text": trip.text,
                "reward": outcome.reward,
                "reason": outcome.reason.value,
                "detail": outcome.detail,
            }
            for example, trip, outcome in zip(examples, trips, outcomes, strict=True)
        ],
    )
