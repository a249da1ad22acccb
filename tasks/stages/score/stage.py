"""What `score` makes, and from what: scores, from the rollouts and the demonstrations of their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from schemas.scores import SCORES
from schemas.states import Split
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.errors import StageFailed
from tasks.policy.parsing import parser_for, parser_identity
from tasks.stages.score.verdicts import Scorer, with_own_texts
from tasks.states.reader import StateReader
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store
from tasks.verifiers.build import build, concurrency_of, identity
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.undecided import UndecidedCount, require_decided


def summary_of(part_summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest's summary."""
    total = reduce(UndecidedCount.plus, map(UndecidedCount.model_validate, part_summaries), UndecidedCount())
    return {"undecided": total.model_dump()}


STAGE = Stage("scores", version=4, tables={"scores": SCORES}, summarise=summary_of)


def inputs(rollouts: Ref, checks: Ref, states: Ref, config: ScoreConfig) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {
        "rollouts": str(rollouts),
        "checks": str(checks),
        "states": str(states),
        "verifier": identity(config.verifier),
        "parser": parser_identity(config.parser),
    }


def write_scores(
    writer: Writer, store: Store, rollouts: Ref, checks: Ref, states: Ref, trajectories: Ref, config: ScoreConfig
) -> None:
    """Score every part of the rollouts, in order. Where a run was stopped, only what it left undecided is verified
    again.

    Raises:
        StageFailed: the verifier leaves too much undecided, or the checks are of another policy than the rollouts.
    """
    reader, manifest = StateReader(store, states, trajectories), store.manifest(rollouts)
    checked = store.manifest(checks)
    require_one_policy(manifest, checked)
    checks_parts = {part.index: part for part in checked.table("checks")}
    # Found once, by what the policy's template writes. The scores are computed without a tokenizer.
    parse = replace(
        parser_for(checked.summary["self_check"]["parser"]),
        reasoning_limited=manifest.config.get("max_thinking_tokens", 0) > 0,
    )
    scorer = Scorer(build(config.verifier), parse, concurrency_of(config.verifier))
    samples = sum(part.rows for part in manifest.table("rollouts"))
    records = {record.index: record for record in writer.records() if writer.done(record.index)}
    total = UndecidedCount()
    for index, rollouts_part in store.parts(rollouts):
        record = records.get(index)
        count = UndecidedCount.model_validate(record.summary) if record else UndecidedCount()
        if record is None or count.undecided:
            earlier_scores = store.read_part(writer.ref, record.parts[0]) if record else frame(SCORES, [])
            own_texts = store.read_part(checks, checks_parts[index])
            examples = with_own_texts(reader.part(index, split=Split.TRAIN), own_texts)
            scores, count = scorer.part(examples, rollouts_part, earlier_scores)
            verdicts = Counter(f"verdict:{reason}" for reason in scores["reason"])
            writer.write(index, {"scores": scores}, reasons=verdicts, summary=count.model_dump())
        total = total.plus(count)
        require_decided(total, samples, "samples", config)


def require_one_policy(rollouts: Manifest, checks: Manifest) -> None:
    """Refuse rollouts that another policy sampled: it may write in another format, and open reasoning elsewhere.

    A policy that this pipeline trained writes as the one that it was trained from.
    """
    for name in ("policy", "model_options"):
        sampled, checked = rollouts.inputs.get(name, ""), checks.inputs.get(name, "")
        if sampled != checked and not (name == "policy" and sampled.startswith("policies@")):
            raise StageFailed(
                f"scores: {rollouts.ref} was sampled with {name} {sampled or 'unset'}, and {checks.ref} checked "
                f"{checked or 'unset'}: name the model of the rollouts, with its options"
            )
