"""What `score` makes, and from what: scores, from the rollouts and the demonstrations of their states."""

from __future__ import annotations

from collections import Counter

from schemas.scores import SCORES
from schemas.states import Split
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.stages.score.checks import Checks, summary_of
from tasks.stages.score.self_check import require_sound
from tasks.stages.score.undecided import require_decided
from tasks.stages.score.verdicts import Scorer, parser_of
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.build import build, identity
from tasks.verifiers.section import ScoreConfig

STAGE = Stage("scores", version=3, tables={"scores": SCORES}, summarise=summary_of)


def inputs(rollouts: Ref, states: Ref, config: ScoreConfig) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {"rollouts": str(rollouts), "states": str(states), "verifier": identity(config.verifier)}


def write_scores(
    writer: Writer, store: Store, rollouts: Ref, states: Ref, trajectories: Ref, config: ScoreConfig
) -> None:
    """Score every part of the rollouts, in order. Where a run was stopped, only what it left undecided is verified
    again.

    Raises:
        StageFailed: the verifier fails its self-check on these states, or leaves too much undecided.
    """
    reader, manifest = StateReader(store, states, trajectories), store.manifest(rollouts)
    scorer = Scorer(build(config.verifier), parser_of(config, manifest), config.verifier)
    samples = sum(part.rows for part in manifest.table("rollouts"))
    records = {record.index: record for record in writer.records() if writer.done(record.index)}
    total = Checks()
    for index, rollouts_part in store.parts(rollouts):
        record = records.get(index)
        checks = Checks.model_validate(record.summary) if record else Checks()
        if record is None or not checks.settled:
            earlier_scores = store.read_part(writer.ref, record.parts[0]) if record else frame(SCORES, [])
            examples = reader.part(index, split=Split.TRAIN)
            scores, checks = scorer.part(examples, rollouts_part, earlier_scores, checks)
            verdicts = Counter(f"verdict:{reason}" for reason in scores["reason"])
            writer.write(index, {"scores": scores}, reasons=verdicts, summary=checks.model_dump())
        total = total.plus(checks)
        require_decided(total.undecided, samples, "samples", config)
    require_sound(total.self_check, config)
