"""NeMo Gym pivot rows and rollouts as artefacts: `pivotrl import`.

They become trajectories and states. Rows with a recorded pass rate or reward become profiles too, so that a run may
start there: `pivotrl import rows.jsonl && pivotrl run tool-use --from profiles@latest`.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.config import IngestConfig, ProfileConfig, SplitConfig
from schemas.locations import REFUSAL, holds_credentials
from tasks.artefact.stage import Artefact, obtain
from tasks.errors import ConfigurationError
from tasks.stages.ingest.rollout_rewards import rollout_rewards
from tasks.stages.ingest.stage import STAGE as TRAJECTORIES
from tasks.stages.ingest.stage import inputs as ingest_inputs
from tasks.stages.ingest.stage import write_trajectories
from tasks.stages.profile.recorded import RECORDED, any_recorded, write_recorded
from tasks.stages.profile.stage import STAGE as PROFILES
from tasks.stages.split.stage import STAGE as STATES
from tasks.stages.split.stage import inputs as split_inputs
from tasks.stages.split.stage import write_states
from tasks.store.store import Store

# A row is one state and not a whole episode: parts of 64 rows, as usual, would be small files by the thousand.
_ROWS_PER_PART = 1024


def import_rows(source: str, store: Store) -> Iterator[Artefact]:
    """Yield each artefact as it is made: trajectories, states and profiles.

    Of several rollouts of one state, the first becomes its trajectory and the others are rejected as duplicates. The
    rewards of all of them make its profile. There are no profiles if no row has a pass rate or a reward.

    Raises:
        InputError: the source holds no file.
        StageFailed: no row could be taken, or no pass rate belongs to a training state; the text has the reasons.
        ConfigurationError: as `rows_config`.
    """
    rows = rows_config(source)
    trajectories = obtain(
        TRAJECTORIES, rows, ingest_inputs(rows), store, lambda writer: write_trajectories(writer, rows)
    )
    yield trajectories
    split = SplitConfig()
    states = obtain(
        STATES,
        split,
        split_inputs(trajectories.ref),
        store,
        lambda writer: write_states(writer, store, trajectories.ref, split),
    )
    yield states
    if any_recorded(store, trajectories.ref):
        profile = ProfileConfig()
        yield obtain(
            PROFILES,
            profile,
            {"states": str(states.ref), "policy": RECORDED},
            store,
            lambda writer: write_recorded(writer, store, states.ref, trajectories.ref, profile, rollout_rewards(rows)),
        )


def rows_config(source: str) -> IngestConfig:
    """The section by which the rows are ingested.

    Raises:
        ConfigurationError: the source is a URL that holds a credential.
    """
    if holds_credentials(source):
        raise ConfigurationError(f"source: {REFUSAL}")
    return IngestConfig(source=source, format="responses", part_size=_ROWS_PER_PART)


def text(artefacts: list[Artefact]) -> str:
    """The artefacts and the command that goes on from them, for a person."""
    lines = [f"{artefact.ref}: {artefact.rows:,} rows{_reasons(artefact)}" for artefact in artefacts]
    last = artefacts[-1].ref
    if last.stage == "profiles":
        lines.append("profiled by another policy: difficulty does not transfer between models")
    else:
        lines.append("no row has a recorded pass rate or reward")
    return "\n".join([*lines, f"go on with `pivotrl run PRESET --from {last}`"])


def _reasons(artefact: Artefact) -> str:
    return "".join(f", {count:,} {reason}" for reason, count in artefact.reasons.items())
