"""The stages, in the order of a run.

This is the one list of them: the command line, `--until`, the store, the README of an artefact, cards and tests take
theirs from here. The code of a stage is in tasks/stages/<verb>.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class StageInfo(NamedTuple):
    """A stage as a person meets it, named by its verb and by the artefact that it makes."""

    artefact: str
    verb: str
    sentence: str
    """What the artefact is, and what a row of it is."""
    side_tables: tuple[str, ...] = ()
    """The artefact's tables beside the one of its own name."""
    when: Literal["once", "each round", "retraining"] = "once"
    skipped_by_sft: bool = False


STAGES = (
    StageInfo(
        "trajectories",
        "ingest",
        "Recorded agent episodes, normalised: one row per episode.",
        side_tables=("toolsets", "rejects"),
    ),
    StageInfo(
        "states",
        "split",
        "Assistant actions of the trajectories, one row per action; the history is `messages[:message_index]` of the "
        "trajectory.",
    ),
    StageInfo(
        "checks",
        "check",
        "The demonstrations as the policy would write them, one row per training state, and whether each comes back "
        "through the parser and gets reward 1.",
    ),
    StageInfo(
        "rollouts",
        "rollout",
        "Actions sampled at each state, one row per sample, with its token ids and log-probabilities.",
        when="each round",
        skipped_by_sft=True,
    ),
    StageInfo(
        "scores",
        "score",
        "The verifier's verdict on each sampled action.",
        when="each round",
        skipped_by_sft=True,
    ),
    StageInfo(
        "profiles",
        "profile",
        "Mean and variance of the rewards of each state's samples.",
        when="each round",
        skipped_by_sft=True,
    ),
    StageInfo(
        "pivots",
        "select",
        "The states selected for training, best first; in `unselected` every other profiled state, and why.",
        side_tables=("unselected",),
        when="each round",
        skipped_by_sft=True,
    ),
    StageInfo(
        "policies",
        "train",
        "A trained policy: one row per training step. The model's own files lie under files/, named in manifest.json.",
        when="each round",
    ),
    StageInfo("evaluations", "evaluate", "Measurements of one policy, in domain and out of it."),
    StageInfo(
        "decisions",
        "promote",
        "Whether a candidate policy is promoted, and the measurements that decide it.",
        when="retraining",
    ),
)

ARTEFACTS = tuple(stage.artefact for stage in STAGES)
MADE_BY_RUN = tuple(stage.artefact for stage in STAGES if stage.when != "retraining")
"""What `pivotrl run` makes; `pivotrl retrain` makes all."""
SKIPPED_BY_SFT = tuple(stage.artefact for stage in STAGES if stage.skipped_by_sft)
HOLDERS = {table: stage.artefact for stage in STAGES for table in stage.side_tables}
"""The artefact that holds each side table."""
