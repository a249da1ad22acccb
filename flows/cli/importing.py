"""`pivotrl import`: NeMo Gym pivot rows and rollouts as trajectories, states and, with their recorded pass rates or
rewards, profiles:
`pivotrl import rows.jsonl && pivotrl run tool-use --from profiles@latest`.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.config import IngestConfig, ProfileConfig, SplitConfig
from schemas.locations import REFUSAL, holds_credentials
from tasks.artefact.stage import Artefact, obtain
from tasks.errors import ConfigurationError
from tasks.stages.ingest.rollout_rewards import rollout_rewards
from tasks.stages.ingest.stage import STAGE as TRAJECTORIES
from tasks.stages.ingest.stage import inputs, write_trajectories
from tasks.stages.profile.recorded import RECORDED, any_recorded, write_recorded
from tasks.stages.profile.stage import STAGE as PROFILES
from tasks.stages.split.stage import STAGE as STATES
from tasks.stages.split.stage import write_states
from tasks.store.store import Store

_PART_SIZE = 1024
"""Rows a part: each is one state and not a whole episode, so that the usual 64 would be small files by the thousand."""


def import_rows(source: str, store: Store) -> Iterator[Artefact]:
    """Each artefact as it is made; no profiles where no row has a pass rate or a reward.

    Of several rollouts of one state the first is its trajectory, and the others are its rejected duplicates; their
    rewards make its profile.

    Raises:
        InputError: nothing is there.
        StageFailed: no row could be taken, or no pass rate belongs to a training state; the text has the reasons.
        ConfigurationError: as `rows_config`.
    """
    rows = rows_config(source)
    trajectories = obtain(TRAJECTORIES, rows, inputs(rows), store, lambda writer: write_trajectories(writer, rows))
    yield trajectories
    split = SplitConfig()
    made_from = {"trajectories": str(trajectories.ref)}
    states = obtain(
        STATES, split, made_from, store, lambda writer: write_states(writer, store, trajectories.ref, split)
    )
    yield states
    if any_recorded(store, trajectories.ref):
        config = ProfileConfig()
        yield obtain(
            PROFILES,
            config,
            {"states": str(states.ref), "policy": RECORDED},
            store,
            lambda writer: write_recorded(writer, store, states.ref, trajectories.ref, config, rollout_rewards(rows)),
        )


def rows_config(source: str) -> IngestConfig:
    """How the rows are read.

    Raises:
        ConfigurationError: the source is a URL with a credential in it.
    """
    if holds_credentials(source):
        raise ConfigurationError(f"source: {REFUSAL}")
    return IngestConfig(source=source, format="responses", part_size=_PART_SIZE)


def text(artefacts: list[Artefact]) -> str:
    """What was made, and how to go on, for a person."""
    lines = [f"{artefact.ref}: {artefact.rows:,} rows{_left_out(artefact)}" for artefact in artefacts]
    last = artefacts[-1].ref
    if last.stage == "profiles":
        lines.append("profiled by another policy: difficulty does not transfer between models")
    else:
        lines.append("no row has a recorded pass rate or reward")
    return "\n".join([*lines, f"go on with `pivotrl run PRESET --from {last}`"])


def _left_out(artefact: Artefact) -> str:
    return "".join(f", {count:,} {reason}" for reason, count in artefact.reasons.items())
